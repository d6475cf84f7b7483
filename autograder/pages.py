"""HTML from templates; those of a room stand in its folder ``templates``."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from jinja2 import Template


@functools.cache
def template(room: str, name: str) -> Template:
    """The template `name` of `room`, with the filter `prose`; whatever it shows is escaped, and
    a name that it does not get is an error.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader(f"autograder.{room}"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["prose"] = prose
    return environment.get_template(name)


def prose(text: str) -> Markup:
    """`text` escaped, with what stands between backticks as code."""
    parts = str(text).split("`")
    if len(parts) % 2 == 0:  # a backtick without its other half
        return escape(text)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if index % 2 else escape(part)
        for index, part in enumerate(parts)
    )
