"""Text that people see in a terminal."""

import re
import sys
from typing import Final

__all__ = ["print_error", "visible", "visible_json"]

_NOT_ASCII: Final = re.compile(r"[^\x00-\x7e]")


def visible(text: str) -> str:
    r"""Escape characters that do not print, as ``\x1b``, since they could control a terminal."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def print_error(message: str) -> None:
    """Print an error of one or more lines to standard error. Names in it may hold control characters."""
    sys.stderr.write("".join(f"{visible(line)}\n" for line in message.split("\n")))


def visible_json(text: str) -> str:
    """Escape characters of a JSON text that do not print by their number, which means the same in JSON."""
    if text.isascii() and "\x7f" not in text:  # nearly all texts, and quick to test
        return text
    return _NOT_ASCII.sub(_json_escape, text)


def _json_escape(found: re.Match[str]) -> str:
    character = found[0]
    if character.isprintable():
        return character
    units = character.encode("utf-16-be").hex()
    return "".join(f"\\u{units[place : place + 4]}" for place in range(0, len(units), 4))
