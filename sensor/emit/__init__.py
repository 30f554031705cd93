"""From records and rows to what people and programs read: documents, lines, tables."""
