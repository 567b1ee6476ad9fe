"""What people read and write: which letters may be shown, how numbers are read, and how results and progress look."""
