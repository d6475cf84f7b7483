"""Judges answers. Never loaded into a student's process."""
