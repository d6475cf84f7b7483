"""The wall around submissions. Nothing here knows a question or a gradebook."""
