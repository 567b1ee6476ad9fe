"""Teams: people who own assets together through a Safe, and decide without anybody's service."""
