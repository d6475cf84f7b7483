"""What a walled kernel does as a notebook at home does it, and what it leaves out: plots appear
without `%matplotlib inline`; lines for a system shell print a sentence, and their cell goes on;
code that is too deep for Python is an error of its cell.
"""

from __future__ import annotations

import ast
import contextlib
import sys
import warnings
from collections.abc import Callable
from typing import Any

NO_COMMANDS = "grading runs no shell commands"
TOO_DEEP = "this cell's code is nested too deeply for Python"

_INSTALLERS = ("pip", "conda", "mamba", "micromamba", "uv")
_SCRIPTS = (
    "script",
    "bash",
    "sh",
    "perl",
    "ruby",
    "python",
    "python2",
    "python3",
    "pypy",
    "cmd",
)
_SHALLOW = 5000
"""Characters of code in which nothing is too deep: Python's compiler goes down thousands of levels,
of two characters each at the least (`1+1+...`).
"""
_PIXELS = {"png", "png2x", "retina", "jpg", "jpeg"}
_INLINE = "module://matplotlib_inline.backend_inline"


def warm_up() -> None:
    """Do once, for all kernels, what is slow: matplotlib looks through all that is installed
    before it takes a backend.
    """
    with contextlib.suppress(ImportError):
        from matplotlib.rcsetup import validate_backend

        validate_backend(_INLINE)


def prepare(shell: Any) -> None:
    """Make IPython's `shell` so, before the first cell."""
    _show_plots(shell)
    _refuse_commands(shell)
    shell.input_transformers_post.append(_refuse_what_is_too_deep)


def _show_plots(shell: Any) -> None:
    """Choose the backend of notebooks. The warm process has imported matplotlib without a
    notebook to draw in; where it has none, ipykernel says so in the environment.
    """
    if "matplotlib" not in sys.modules:
        return
    with contextlib.suppress(ImportError):
        from IPython.core import pylabtools
        from matplotlib_inline import backend_inline

        select = _with_pixels(pylabtools.select_figure_formats)
        pylabtools.select_figure_formats = backend_inline.select_figure_formats = select
        pylabtools.activate_matplotlib(_INLINE)
        backend_inline.configure_inline_support(shell, _INLINE)


def _with_pixels(select: Callable[..., None]) -> Callable[..., None]:
    """IPython's choice of formats for figures, with pixels always among them: a page of feedback
    shows no drawing that could hold a script.
    """

    def selected(shell: Any, formats: Any, **options: Any) -> None:
        chosen = {formats} if isinstance(formats, str) else set(formats)
        if not chosen & _PIXELS:
            chosen.add("png")
        select(shell, chosen, **options)

    return selected


def _refuse_commands(shell: Any) -> None:
    """Have `!command` and its other spellings (`x = !command`, `%system`, `%pip`, `%%bash`, ...)
    print a sentence. There is no system shell behind the wall.
    """
    from IPython.utils.text import LSString, SList

    def system(command: str) -> None:
        print(NO_COMMANDS)

    def output(command: str, split: bool = True, depth: int = 0) -> list[str] | str:
        print(NO_COMMANDS)
        return SList() if split else LSString()

    def line_magic(line: str) -> None:
        print(NO_COMMANDS)

    def cell_magic(line: str, cell: str = "") -> None:
        print(NO_COMMANDS)

    shell.system = shell.system_raw = shell.system_piped = system
    shell.getoutput = output
    for name in _INSTALLERS:
        shell.register_magic_function(line_magic, "line", name)
    for name in _SCRIPTS:
        shell.register_magic_function(cell_magic, "cell", name)


def _refuse_what_is_too_deep(lines: list[str]) -> list[str]:
    """A cell's lines as they are. Raises SyntaxError for code that Python's compiler cannot go
    down: IPython knows no such error, and ipykernel would never answer.
    """
    code = "".join(lines)
    if len(code) < _SHALLOW:
        return lines
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(code, "<cell>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        except (RecursionError, MemoryError):
            raise SyntaxError(TOO_DEEP) from None
        except (SyntaxError, ValueError):
            pass  # IPython says so better.
    return lines
