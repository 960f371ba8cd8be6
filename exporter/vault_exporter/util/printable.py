"""Text that other programs sent, made safe to show."""

__all__ = ["printable"]


def printable(text: str, longest: int | None = None, *, keep_lines: bool = False) -> str:
    """Replace characters that do not print, or turn the direction of text, by ``?``.

    Args:
        text: what to show.
        longest: limit in characters; the rest is cut off.
        keep_lines: leave line ends as they are.
    """
    text = text[:longest]
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or (keep_lines and one == "\n") else "?" for one in text)
