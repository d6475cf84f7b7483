"""Nets: one that is pretrained, what a net costs, the training loop, seeds."""
