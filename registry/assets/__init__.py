"""What an asset is and offers, and what an account holds: read, drafted, changed, passed on."""
