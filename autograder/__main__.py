"""``python -m autograder``: the command ``course``, where it is not on the PATH."""

from autograder.cli import app

app(prog_name="course")
