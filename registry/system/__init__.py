"""The machine below: files written whole or not at all, ports, pictures, and how often somebody may ask."""
