"""What may cross between two processes. Nothing here knows a question."""
