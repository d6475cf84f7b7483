"""The questions that attackers answer: the small ones, and one that forbids a library call."""

CHAPTERS = ("small", "strict")
