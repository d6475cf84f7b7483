"""Runs a submission's cells on kernels, with the judge of its checks beside them."""
