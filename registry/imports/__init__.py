"""What lies elsewhere (Hugging Face, git, Croissant, Deep Lake), fetched with every promised hash checked, as content and as a document."""
