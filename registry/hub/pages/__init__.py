"""Metahub: what a hub knows as pages for people, made on the server, that read without script and ask nobody else."""
