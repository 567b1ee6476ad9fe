"""What people write: which letters may be shown, and how numbers are read."""
