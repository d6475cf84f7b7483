"""Two samples of a random operation, and what tells them apart."""
