"""Imports without what nobody here needs: half of the time of importing Jupyter's libraries goes
into one grammar.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

IRI_GRAMMAR = "rfc3987_syntax"
"""jsonschema compiles it, for one second, to check internationalised addresses; a notebook's
schema has none, and jsonschema does without where it is not installed.
"""


@contextlib.contextmanager
def blocked(module: str) -> Iterator[None]:
    """In here an import of `module` fails as if it were not installed, unless it was imported
    before.
    """
    if module in sys.modules:
        yield
        return
    # The import system's own sign for "there is none".
    sys.modules[module] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[module]
