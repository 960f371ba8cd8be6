"""Bounds of what an answer of Vault can make of labels: real clusters stay below, and no page grows without end."""

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

__all__ = ["MOST_NODES", "most_frequent"]

MOST_NODES: Final = 100
"""Nodes or servers of a cluster with series of their own; their number counts all."""

_MOST: Final = 1000
_OTHER: Final = "other"

L = TypeVar("L", bound=tuple[str, ...])


def most_frequent(counts: Mapping[L, int]) -> Sequence[tuple[tuple[str, ...], int]]:
    """Return counts in the order of their labels; of more than a thousand the largest, and the rest as ``other``."""
    if len(counts) <= _MOST:
        return sorted(counts.items())
    largest = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    other = (_OTHER,) * len(largest[0][0])
    return [*sorted(largest[:_MOST]), (other, sum(number for _, number in largest[_MOST:]))]
