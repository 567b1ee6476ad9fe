"""The sandbox on a real kernel, with real bubblewrap, as root and as an ordinary user."""
