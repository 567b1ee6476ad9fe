"""A hub: an index that everybody can ask over HTTP, and nobody has to believe; it holds no key and no rule of its own."""
