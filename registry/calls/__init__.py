"""Any call in words, to its last byte, and what is dangerous about it."""
