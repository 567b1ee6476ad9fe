"""The chain floor: connect, sign, send, wait, decode, deploy; the one place that speaks web3.

Importing this package loads none of that. Its modules are imported by those who touch a chain:

- `artifacts`: ABIs and creation code of the contracts, as shipped
- `signers`: keys, key files and ape accounts behind one small protocol
- `reverts`: every error of the contracts as an exception class
- `connection`: a node, or a chain inside this process
- `logs`: events
- `fees`: what a transaction costs
- `journal`: the record that makes sending exactly-once
- `sender`: sign, send, wait
- `acting`, `collecting`: who acts: a signer that sends, a team or DAO that writes down, a dry run, nobody
- `deploy`, `local`: put the contracts on a chain
"""
