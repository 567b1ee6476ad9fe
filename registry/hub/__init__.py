"""A hub: an index that everybody can ask over HTTP and nobody has to believe. It holds no key, and has no rule."""
