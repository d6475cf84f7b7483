"""What a question is, and where the questions of a course are found."""
