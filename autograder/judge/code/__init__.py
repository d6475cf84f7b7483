"""Reads an answer's source: for forbidden calls, and for what the instructor is told to look at."""
