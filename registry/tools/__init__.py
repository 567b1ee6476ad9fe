"""Assets in the tools that people have: ``asset://`` for whatever speaks fsspec, and buckets for Deep Lake."""
