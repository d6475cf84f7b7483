"""How long a process has worked."""

from __future__ import annotations

import os
import time


def worked() -> float:
    """Seconds of processor time of this process, all its threads and its children that have
    ended.
    """
    times = os.times()
    return time.process_time() + times.children_user + times.children_system
