from autograder import configure

c = get_config()  # noqa: F821 -- nbgrader provides it

c.CourseDirectory.course_id = "deep-learning"
c.CourseDirectory.source_directory = "exercises"
configure(c)
