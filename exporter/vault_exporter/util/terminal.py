"""Text that people see in a terminal."""

__all__ = ["visible"]


def visible(text: str) -> str:
    r"""Write characters that could steer a terminal as ``\x1b``; line ends stay."""
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)
