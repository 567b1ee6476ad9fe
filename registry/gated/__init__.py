"""Gated content: age files on IPFS whose key is kept in shares by gateways, and handed to those with access."""
