"""Limits of the series from one of Vault's responses. Real clusters stay below them."""

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

__all__ = ["MOST_NODES", "most_frequent"]

MOST_NODES: Final = 100
"""Limit of nodes or servers with their own series. The metric of their number counts all."""

_MOST: Final = 1000
_OTHER: Final = "other"

L = TypeVar("L", bound=tuple[str, ...])


def most_frequent(counts: Mapping[L, int]) -> Sequence[tuple[tuple[str, ...], int]]:
    """Return the counts sorted by label. Above a thousand, return the largest, and the sum of the rest as ``other``."""
    if len(counts) <= _MOST:
        return sorted(counts.items())
    largest = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    other = (_OTHER,) * len(largest[0][0])
    return [*sorted(largest[:_MOST]), (other, sum(number for _, number in largest[_MOST:]))]
