"""Suggest a known name for one that is not known."""

from collections.abc import Collection

__all__ = ["did_you_mean", "known_here"]


def did_you_mean(name: str, known: Collection[str]) -> str:
    """Return a question with the closest known name, and a space after it; empty if none is close."""
    from difflib import get_close_matches  # noqa: PLC0415 - most exporters have no mistake in their configuration

    close = get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}? " if close else ""


def known_here(name: str, known: Collection[str]) -> str:
    """Return what is known instead of a name, with the closest one first if one is close."""
    hint = did_you_mean(name, known)
    return f"{hint}{'Known' if hint else 'known'} here: {', '.join(known) or 'none'}"
