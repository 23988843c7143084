"""A search in the browser while it runs: pages of its run folder, served to this machine alone."""
