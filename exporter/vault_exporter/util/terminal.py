"""Text that people see in a terminal."""

import sys

__all__ = ["print_error", "visible"]


def visible(text: str) -> str:
    r"""Write characters that do not print, and so could steer a terminal, as ``\x1b``."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def print_error(message: str) -> None:
    """Print an error of one or more lines to standard error. Names in it may hold control characters."""
    sys.stderr.write("".join(f"{visible(line)}\n" for line in message.split("\n")))
