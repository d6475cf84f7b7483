"""The speed of grading, measured side by side with what people use today."""
