"""Content addressing: CIDs, UnixFS and block stores. Knows nothing of chains.

Reading down: ``unixfs`` gathers the verbs of ``importer``, ``reader`` and ``exporter``; they stand on ``builder``,
``scan`` and ``node``, and these on ``store``, ``dagpb``, ``hamt``, ``names``, ``profiles``, ``limits`` and ``cid``.
"""
