"""Audits many questions, several at a time, each in a process that has imported nothing before
the frameworks are told to keep to one thread.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

import numpy as np

from autograder.audit.card import Card, QuestionCard
from autograder.audit.checks import audit
from autograder.questions import catalogue
from autograder.values import frameworks
from autograder.values.frameworks import ONE_THREAD


def audit_all(
    names: Sequence[str],
    *,
    sample: int | None = None,
    repeat: int = 1,
    workers: int = 2,
    show: Callable[[QuestionCard], None] = lambda card: None,
) -> Card:
    """The card of the questions called `names`, in that order; `show` is called with each as it is
    finished. For the rest see `audit`.

    Raises `catalogue.UnknownQuestion` before anything is run, and ChildProcessError if a right
    answer or a mistake ends its process.
    """
    # Training is the longest: begun last, it would keep one process busy while the others have
    # nothing left to do.
    order = sorted(dict.fromkeys(names), key=lambda name: -catalogue.find(name).seconds)
    processes = max(1, min(workers, len(order)))
    forks = max(1, workers // processes)
    done: dict[str, QuestionCard] = {}
    with ProcessPoolExecutor(
        processes, mp_context=get_context("spawn"), initializer=_keep_to_one_thread
    ) as pool:
        try:
            futures = [
                pool.submit(_audit_named, name, sample, repeat, forks) for name in order
            ]
            for future in as_completed(futures):
                card = future.result()
                done[card.name] = card
                show(card)
        except BrokenProcessPool:
            names_left = ", ".join(name for name in order if name not in done)
            raise ChildProcessError(
                "a right answer or a known mistake ended its process, or memory "
                f"ran out; not audited: {names_left}"
            ) from None
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return Card(tuple(done[name] for name in dict.fromkeys(names)))


def _keep_to_one_thread() -> None:
    """Import the frameworks, before the first fork, which then has them; what MXNet says on the
    way is not for the user.
    """
    os.environ.update(ONE_THREAD)
    stderr, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    for framework in ("torch", "mxnet"):
        if frameworks.available(framework):
            # MXNet speaks only when its engine starts.
            frameworks.to_framework(np.zeros(1), framework)
    os.dup2(stderr, 2)
    os.close(stderr)
    os.close(nothing)


def _audit_named(
    name: str, sample: int | None, repeat: int, forks: int
) -> QuestionCard:
    return audit(catalogue.find(name), sample=sample, repeat=repeat, forks=forks)
