"""Gas of our contracts beside the incumbent's, and speed: ``python -m bench`` (``npm install`` here first), or only the
parts that are named behind it.

::

    anvil.py      a throw-away chain: the native anvil on a free loopback port
    stage.py      what both halves share: the chain, the payment token, the people
    gas.py        the acts with their bars and aims, the recorder, the table, results/gas.json
    ocean.py      the incumbent: Ocean Protocol's published contracts, deployed and measured
    ours.py       our contracts, measured in the same way
    __main__.py   the parts by their names, and both halves of gas on one chain in one run
"""
