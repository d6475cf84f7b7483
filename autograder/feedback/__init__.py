"""What is shown of a verdict."""
