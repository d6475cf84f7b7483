"""A class: submissions through nbgrader into its gradebook."""
