"""A value of the configuration with its place: of a file, a flag or the environment."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

__all__ = ["Node"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Node:
    """A value and its place. Members of a mapping or list are nodes."""

    value: "dict[str, Node] | list[Node] | object"
    place: str
    directory: Path | None = None
    """Directory of the file, for a single value."""

    def read(self, reader: Callable[[object], T]) -> T:
        """Read a single value. A relative file name is relative to the configuration file.

        Raises:
            ValueError: the value is not valid.
        """
        value = reader(self.value)
        if self.directory is not None and isinstance(value, Path):
            return cast(T, self.directory / value)
        return value
