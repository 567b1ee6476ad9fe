"""Content addressing: CIDs, UnixFS, stores and sources of blocks, without any chain.

Reading down: ``unixfs`` gathers the verbs of ``importer``, ``reader`` and ``exporter``, ``store`` the stores and their
`Fallback`; ``trustless`` and ``kubo`` are sources on ``http``, ``sources`` finds them by address, ``copy`` and ``car``
move whole trees, ``server`` hands them out. They stand on ``builder``, ``scan``, ``node``, ``traverse`` and ``file``,
and these on ``blocks``, ``dag``, ``dagpb``, ``hamt``, ``names``, ``profiles``, ``limits`` and ``cid``.
"""
