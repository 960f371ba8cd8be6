"""Equal requests of many files, stored compactly until reports look at them.

Most requests repeat, in one file and from file to file. Reports that look at those of each file, and are merged file by
file, take several times as long.
"""

from array import array
from collections.abc import Iterator
from typing import Any, Final, Self

import msgspec

from vault_exporter.audit.reports.use import Use

__all__ = ["Gathered"]

_MOST_KINDS: Final = 65_536
_MOST_BYTES: Final = 64 << 20
_MOST_REQUESTS: Final = 1 << 20
"""Bounds of what is gathered: kinds of requests, which are about 40 MB, the bytes of their texts, which are few unless
an attacker sends long paths, and requests, which are 8 MB. One that is merged with another may have twice as much."""

_ALIKE: Final = Use.__struct_fields__.index("issued")
"""The fields before it are what equal requests have in common."""
_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(tuple[Any, ...]).decode


class Gathered:
    """The times of requests by what these have in common, without their ids. It can be pickled and merged."""

    def __init__(self) -> None:
        self._times: dict[bytes, array[float]] = {}
        self._requests = self._bytes = 0

    @property
    def is_full(self) -> bool:
        """Whether reports should look at it before more is added."""
        return self._requests > _MOST_REQUESTS or len(self._times) > _MOST_KINDS or self._bytes > _MOST_BYTES

    def add(self, use: Use) -> None:
        """Add equal requests, which issue no token, and whose data do not matter."""
        self._add(_encode(msgspec.structs.astuple(use)[:_ALIKE]), array("d", use.times))

    def merge(self, other: Self) -> None:
        """Add those of another file. The other is not used after it."""
        for alike, times in other._times.items():
            self._add(alike, times)

    def taken(self) -> Iterator[Use]:
        """Yield equal requests together, sorted by time, and remove them."""
        found, self._times = self._times, {}
        self._requests = self._bytes = 0
        for alike, times in found.items():
            ordered = sorted(times)
            fields: list[Any] = [*_decode(alike), None, msgspec.Raw(), ordered, []]
            fields += ordered[0], ordered[-1], len(ordered)
            yield Use(*fields)

    def __getstate__(self) -> dict[bytes, bytes]:
        """Return the state for pickle, which takes ten times as long for an array as for its bytes."""
        return {alike: times.tobytes() for alike, times in self._times.items()}

    def __setstate__(self, state: dict[bytes, bytes]) -> None:
        """Take in what was pickled."""
        self._times = {alike: array("d", times) for alike, times in state.items()}
        self._requests = sum(map(len, self._times.values()))
        self._bytes = sum(map(len, self._times))

    def _add(self, alike: bytes, times: "array[float]") -> None:
        earlier = self._times.get(alike)
        if earlier is None:
            self._times[alike] = times
            self._bytes += len(alike)
        else:
            earlier.extend(times)
        self._requests += len(times)
