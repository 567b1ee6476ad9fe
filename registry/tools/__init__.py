"""Assets in the tools that people have: ``asset://`` for pandas and whatever speaks fsspec."""
