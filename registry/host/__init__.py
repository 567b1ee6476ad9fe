"""The server that takes orders of jobs and runs them where the data are."""
