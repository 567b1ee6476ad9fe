"""Gas of our contracts beside the incumbent's: ``python -m bench`` (``npm install`` here first).

::

    anvil.py      a throw-away chain: the native anvil on a free loopback port
    stage.py      what both halves share: the chain, the payment token, the people
    gas.py        the acts with their bars and aims, the recorder, the table, results/gas.json
    ocean.py      the incumbent: Ocean Protocol's published contracts, deployed and measured
    ours.py       our contracts, measured in the same way
    __main__.py   both halves on one chain in one run
"""
