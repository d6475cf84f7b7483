"""The course's questions, a module a chapter: reference answers, probes, known mistakes,
alternatives, hints.
"""

CHAPTERS = (
    *(
        "first_steps",
        "neurons",
        "convolution",
        "lenet",
        "training",
        "deeper",
        "shortcuts",
        "small_nets",
    ),
    *("fine_tuning", "reweighting", "staying_close", "adapters", "case_studies"),
    *("classical", "mixing", "policies"),
    *("searching", "bayesian", "halving", "hypergradients", "architectures"),
)
