"""Chaos: people use the registry while the line, the disk and their machine fail; then everything is counted."""
