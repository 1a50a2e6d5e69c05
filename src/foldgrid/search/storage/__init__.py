"""Where a search remembers: a journal, SQLite, PostgreSQL."""
