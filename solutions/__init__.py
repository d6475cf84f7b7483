"""The course's questions, a module a chapter: reference answers, probes, known mistakes, alternatives, hints."""

CHAPTERS = ("convolution", "lenet", "small_nets")
