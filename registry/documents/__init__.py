"""What is written down and signed, and needs no chain: documents of assets, licences, canonical JSON."""
