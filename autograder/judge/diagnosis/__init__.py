"""What is wrong with an answer: known mistakes, what wrong results have in common, the words."""
