"""A notebook's JSON as a stranger wrote it: gone through once, token by token, before anything is
built of it. What nobody reads (saved outputs, the notebook's own metadata) is left out unread, and
what is read is counted.
"""

from __future__ import annotations

import re

from autograder.errors import Unfit

MOST_CELLS = 5000
MOST_VALUES = 250_000
"""Numbers, texts, lists and objects of a notebook, besides what is left out: each takes some
hundred bytes of memory while it is read, however short it is written.
"""

MOST_LEFT_OUT = 5_000_000
"""Texts and brackets in what is left out: they are only passed over, which takes time."""

MOST_DEPTH = 400

_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
"""Without a way back (``*+``), which would take memory for every character that is escaped."""

_TOKEN = re.compile(rb'[^"{}\[\],:]*+(?:(' + _STRING + rb")|([{}\[\],:]))", re.DOTALL)
_BRACKET = re.compile(rb'[^"{}\[\]]*+(?:' + _STRING + rb"|([{}\[\]]))", re.DOTALL)

_INSIDE = {
    ("", b"{", b""): "notebook",
    ("notebook", b"[", b'"cells"'): "cells",
    ("notebook", b"[", b'"worksheets"'): "worksheets",
    ("notebook", b"{", b'"metadata"'): "unread",
    ("worksheets", b"{", b""): "notebook",  # of format 3, which has cells in sheets
    ("cells", b"{", b""): "cell",
    ("cell", b"[", b'"outputs"'): "unread",
}
"""What a bracket opens, by where it stands and under which key; anything else is of no kind."""

_EMPTY = {b"{": b"{}", b"[": b"[]"}


def without_outputs(name: str, content: bytes) -> bytes:
    """The JSON text of a notebook without its outputs and its own metadata. Text that is no JSON
    comes back as far as it is none, for a parser to say so. Raises `Unfit` for one that would take
    too much memory to be read.
    """
    return _Pass(name, content).result()


class _Pass:
    """One way through a text. Each step starts where the last one ended: the time grows with the
    length of the text, whatever stands in it.
    """

    def __init__(self, name: str, content: bytes):
        self._name, self._content = name, content
        self._kept: list[bytes] = []
        self._kept_until = 0
        self._values = self._cells = self._passed_over = 0
        self._inside: list[str] = [""]
        self._key = self._last_string = b""

    def result(self) -> bytes:
        """The text without what is left out."""
        position = 0
        while found := _TOKEN.match(self._content, position):
            position = found.end()
            if found[1] is not None:
                self._last_string = found[1]
                continue
            position = self._bracket(found[2], position)
            if len(self._inside) == 1 and found[2] in b"}]":
                break
        self._kept.append(self._content[self._kept_until :])
        return b"".join(self._kept)

    def _bracket(self, token: bytes, end: int) -> int:
        """Take note of a token that ends at `end`; returns where to go on."""
        if token == b":":
            self._key = self._last_string
        elif token == b",":
            self._key = b""
            self._count()
        elif token in b"}]":
            self._key = b""
            self._inside.pop()
        else:
            return self._opened(token, end)
        return end

    def _opened(self, token: bytes, end: int) -> int:
        self._count()
        kind = _INSIDE.get((self._inside[-1], token, self._key), "other")
        if kind == "unread":
            return self._leave_out(token, end)
        self._inside.append(kind)
        self._key = b""
        if len(self._inside) > MOST_DEPTH:
            raise Unfit(
                f"{self._name} is not a notebook: invalid JSON (nested too deeply)"
            )
        self._cells += kind == "cell"
        if self._cells > MOST_CELLS:
            raise Unfit(too_many_cells(self._name))
        return end

    def _leave_out(self, token: bytes, end: int) -> int:
        """Pass over what a bracket has opened."""
        depth, position = 1, end
        while self._passed_over < MOST_LEFT_OUT:
            self._passed_over += 1
            found = _BRACKET.match(self._content, position)
            if found is None:
                raise Unfit(
                    f"{self._name} is not a notebook: invalid JSON (it breaks off in what is not "
                    "read: saved outputs, or the notebook's metadata)"
                )
            position = found.end()
            if found[1] is not None:
                depth += 1 if found[1] in b"{[" else -1
            if depth == 0:
                self._kept += [self._content[self._kept_until : end - 1], _EMPTY[token]]
                self._kept_until = position
                return position
        raise Unfit(
            f"{self._name} has too much in its saved outputs to be read: clear all outputs, and "
            "hand it in again"
        )

    def _count(self) -> None:
        self._values += 1
        if self._values > MOST_VALUES:
            raise Unfit(
                f"{self._name} needs too much memory to be read: it holds more than {MOST_VALUES} "
                "values. Copy your answers into a fresh notebook"
            )


def too_many_cells(name: str) -> str:
    """That the notebook of that name has more cells than any notebook has."""
    return f"{name} has more than {MOST_CELLS} cells: hand in your answers only"
