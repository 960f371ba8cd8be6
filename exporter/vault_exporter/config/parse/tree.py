"""A configuration file as a tree in which every value has its place: file, line and key.

It is imported only for a file to be read, because PyYAML takes a megabyte.
"""

import re
from pathlib import Path
from typing import Final

import yaml

from vault_exporter.config.parse.node import Node
from vault_exporter.config.parse.problems import ConfigError, Problem
from vault_exporter.util.fs import read_small, reading_failed
from vault_exporter.util.yaml_loader import Loader, TooComplexError, explain, require_simple

__all__ = ["read_file"]

_MOST_VALUES: Final = 20_000
"""Limit of values; also limits what YAML aliases can expand to."""
_DEEPEST: Final = 32
_LARGEST_FILE: Final = 1 << 20
_KEY_TAGS: Final = frozenset({"tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"})
_KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,40}")


def read_file(path: Path) -> Node:
    """Read a YAML file.

    Raises:
        ConfigError: the file cannot be read, or is not one YAML document with plain values. The text of the file is
            not repeated, since it may hold a token.
    """
    try:
        content = read_small(path, _LARGEST_FILE)
    except OSError as error:
        raise _failure(str(path), reading_failed(error)) from error
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _failure(f"{path}:{line}", "the file is not UTF-8; save it as UTF-8") from error
    return _Reader(path, text).read()


class _Reader:
    """Converts PyYAML's nodes, which have line numbers."""

    def __init__(self, path: Path, text: str) -> None:
        self._file = str(path)
        self._directory = path.parent
        self._text = text
        self._values = 0
        self._problems: list[Problem] = []

    def read(self) -> Node:
        try:
            require_simple(self._text, deepest=_DEEPEST, most=2 * _MOST_VALUES)
            self._loader = Loader(self._text)
            root = self._loader.get_single_node()
            node = self._convert(root, "") if root is not None else Node({}, self._file)
        except yaml.YAMLError as error:
            line, what = explain(error, self._text)
            raise _failure(f"{self._file}:{line}", what) from None
        except TooComplexError as error:
            raise _failure(f"{self._file}:{error.line}", str(error)) from None
        except RecursionError:  # aliases of aliases
            raise _failure(self._file, "nested too deeply") from None
        if self._problems:
            raise ConfigError(tuple(self._problems))
        return node

    def _convert(self, node: yaml.Node, path: str) -> Node:
        place = f"{self._file}:{node.start_mark.line + 1}" + (f": {path}" if path else "")
        self._values += 1
        if self._values > _MOST_VALUES:
            raise ConfigError((Problem(place, f"more than {_MOST_VALUES} values; are there aliases that multiply?"),))
        if isinstance(node, yaml.MappingNode):
            return Node(self._mapping(node, path), place)
        if isinstance(node, yaml.SequenceNode):
            return Node([self._convert(item, f"{path}[{number}]") for number, item in enumerate(node.value)], place)
        try:
            return Node(self._loader.construct_object(node), place, self._directory)
        # What PyYAML raises if a tag does not fit its value. Its message contains the value.
        except (yaml.constructor.ConstructorError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            self._problems.append(Problem(place, "not a plain value; quote it if it is meant as text"))
            return Node(None, place)

    def _mapping(self, node: yaml.MappingNode, path: str) -> dict[str, Node]:
        seen: dict[object, int] = {}
        for key, _ in node.value:  # before merging, which may repeat keys
            if not isinstance(key, yaml.ScalarNode) or key.tag not in {
                "tag:yaml.org,2002:str",
                "tag:yaml.org,2002:merge",
            }:
                where = f"{self._file}:{key.start_mark.line + 1}"
                self._problems.append(Problem(where, "a key that is not text; quote it"))
            elif key.value in seen:
                where = f"{self._file}:{key.start_mark.line + 1}: {_join(path, key.value)}"
                self._problems.append(Problem(where, f"given twice; the first is in line {seen[key.value]}"))
            else:
                seen[key.value] = key.start_mark.line + 1
        self._loader.flatten_mapping(node)
        return {
            key.value: self._convert(value, _join(path, key.value))
            for key, value in node.value
            if isinstance(key, yaml.ScalarNode)
        }


def _join(path: str, key: str) -> str:
    # With wrong indentation a token can be in the place of a key; it must not be printed.
    shown = key if _KEY.fullmatch(key) else "(a key)"
    return f"{path}.{shown}" if path else shown


def _failure(place: str, message: str) -> ConfigError:
    return ConfigError((Problem(place, message),))
