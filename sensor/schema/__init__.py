"""The vocabulary that every layer shares: words, rows, records and fields."""
