"""The embedded store: what a replay or a worker found, kept in one SQLite file."""
