"""Everything around the model: the host, the folders, jobs and the command line."""
