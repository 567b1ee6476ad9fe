"""A hub: an index that everybody can ask over HTTP and nobody has to believe, without keys and without rules."""
