"""Self-paced work: what a notebook calls, and the judge beside it."""
