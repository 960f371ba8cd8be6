"""Errors of msgspec for invalid JSON."""

from typing import Final

import msgspec

__all__ = ["UNREADABLE"]

UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""Everything msgspec raises for text that is not JSON of the expected type."""
