"""What lies elsewhere (Hugging Face, git, Croissant), fetched with every hash checked, as content and as a document."""
