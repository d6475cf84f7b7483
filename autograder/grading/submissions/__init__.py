"""What was handed in: read with suspicion, put back into the course's cells, made harmless."""
