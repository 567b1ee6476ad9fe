"""What lies elsewhere (Hugging Face, git, Croissant, Deep Lake), fetched and checked, as content and as a document."""
