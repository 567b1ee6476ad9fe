"""The index: blocks become events, events become tables, tables become search; in this process or for a hub."""
