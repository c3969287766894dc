"""HTML that is escaped by construction: what is not `Html` is text."""

import html
from typing import Any


class Html(str):
    """HTML; everything else that goes into a tag is escaped."""

    __slots__ = ()


EMPTY = ("input", "img", "meta", "br")
"""Tags that hold nothing and are not closed."""


def tag(name: str, /, *content: Any, **attributes: Any) -> Html:
    """
    An element.

    Parameters
    ----------
    name
        Its name.
    *content
        What it holds: HTML as it is, all else as escaped text.
    **attributes
        Its attributes, "_" for "-" and a "_" at the end dropped; left out where None or False, without value where True.
    """
    written = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{html.escape(str(value))}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    opened = f"<{name}{written}>"
    return Html(opened if name in EMPTY else f"{opened}{joined(*content)}</{name}>")


def joined(*content: Any) -> Html:
    """Several pieces, one after the other."""
    return Html("".join(one if isinstance(one, Html) else html.escape(str(one)) for one in content))
