"""Buying and granting licences, and streams of access by the second; contracts take the payment."""
