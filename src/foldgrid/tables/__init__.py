"""One table, and how it is written."""
