"""What makes the tables of `dlkit.tables`, and the weights that ship: trainings that take longer
than a lesson may.
"""
