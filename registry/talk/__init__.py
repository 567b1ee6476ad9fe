"""What people say of assets, signed: comments and likes, and requests for access with their answers."""
