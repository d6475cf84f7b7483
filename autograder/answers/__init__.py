"""Runs where an answer lives: the student's kernel, or the judge's process for references."""
