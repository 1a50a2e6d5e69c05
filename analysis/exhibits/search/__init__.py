"""What the report of a search shows: its course, its trials, what mattered."""
