"""What an asset is and offers: published, read, changed, passed on."""
