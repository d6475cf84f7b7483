"""What lessons draw and would take too long to measure on a page: the rules of each comparison,
with the results that `experiments` stored by them.
"""
