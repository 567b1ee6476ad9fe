"""The index: blocks become events, events tables, tables search, for a process or a hub; what people said is kept."""
