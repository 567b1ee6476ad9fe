"""What an asset contains, plain or sealed: packed, entrusted to key gateways, opened, used, kept."""
