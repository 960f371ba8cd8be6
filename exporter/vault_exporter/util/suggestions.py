"""Suggest a known name for one that is not known."""

from collections.abc import Collection

__all__ = ["known_here"]


def known_here(name: str, known: Collection[str]) -> str:
    """Return what is known instead of a name, with the closest one first if one is close."""
    from difflib import get_close_matches  # noqa: PLC0415 - most exporters have no mistake in their configuration

    close = get_close_matches(name, known, n=1)
    start = f"did you mean {close[0]}? Known" if close else "known"
    return f"{start} here: {', '.join(known) or 'none'}"
