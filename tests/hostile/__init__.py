"""Inputs that somebody might make up, kept for every part that reads them."""
