"""A course of a few tiny questions, on which the engine is tested."""

CHAPTERS = ("small", "nets")
