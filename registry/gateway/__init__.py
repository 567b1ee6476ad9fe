"""A key gateway: keeps one share of an asset's key, and hands it to those who have access on chain.

`registry.gateway.keys` is what it keeps secret, `registry.gateway.database` what it keeps, `registry.gateway.service`
what it does, `registry.gateway.gateway_api` how it is asked. See docs/key-gateway.md.
"""
