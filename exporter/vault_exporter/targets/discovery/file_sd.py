"""Targets in files, in the format of Prometheus' ``file_sd_configs``."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
import yaml

from vault_exporter.config.parse import values
from vault_exporter.config.parse.addresses import default_name
from vault_exporter.config.schema.model import FileDiscovery, Target
from vault_exporter.targets.discovery.find import DiscoveryError
from vault_exporter.util.fs import read_small, why_unreadable
from vault_exporter.util.json import UNREADABLE
from vault_exporter.util.yaml_loader import Loader, TooComplexError, explain, require_simple

__all__ = ["Files"]

_LARGEST_FILE: Final = 4 << 20
_DEEPEST: Final = 8
_MOST_VALUES: Final = 500_000
_OF_TARGET: Final = frozenset({"instance", "cluster"})
_READERS: Final = {"__scheme__": values.scheme, "instance": values.name}
"""Validators of the labels that the exporter uses itself."""
_MISFITS: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""Exceptions of PyYAML for a value that does not match its tag, such as a date in month 99."""


class _Group(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A group of a file: https://prometheus.io/docs/prometheus/latest/configuration/configuration/#file_sd_config."""

    targets: tuple[str, ...]
    labels: dict[str, str] = {}


class Files:
    """The files of one source.

    Kept between lookups: the parsed content of each file, since YAML with thousands of targets takes seconds to parse.
    """

    def __init__(self, source: FileDiscovery) -> None:
        self._source = source
        self._last: dict[Path, tuple[bytes, tuple[Target, ...]]] = {}

    def find(self) -> tuple[Target, ...]:
        """Read all matching files; not for concurrent use.

        Raises:
            DiscoveryError: a file is invalid, or no file exists.
        """
        paths = sorted(self._source.path.parent.glob(self._source.path.name))
        if not paths:
            raise DiscoveryError("there is no such file; it is looked for again")
        self._last = {path: self._last[path] for path in paths if path in self._last}
        found: dict[str, Target] = {}
        for path in paths:
            for target in self._in_file(path):
                if target.name in found:
                    raise DiscoveryError(f"{path}: {target.name} is there twice; names (label instance) must differ")
                found[target.name] = target
        return tuple(found.values())

    def _in_file(self, path: Path) -> tuple[Target, ...]:
        try:
            content = read_small(path, _LARGEST_FILE)
        except OSError as error:
            raise DiscoveryError(why_unreadable(path, error)) from None
        digest = hashlib.sha256(content).digest()
        known, targets = self._last.get(path, (b"", ()))
        if known != digest:
            targets = tuple(_read(self._source, path, content))
            self._last[path] = digest, targets
        return targets


def _read(source: FileDiscovery, path: Path, content: bytes) -> Iterator[Target]:
    try:
        groups = _groups(path, content)
    except yaml.YAMLError as error:
        line, what = explain(error, content.decode())
        last = content.count(b"\n") + 1
        raise DiscoveryError(f"{path}:{min(line, last)}: neither YAML nor JSON: {what}") from None
    except msgspec.ValidationError as error:
        raise DiscoveryError(f"{path}: not in the format of Prometheus' file_sd_configs: {error}") from None
    except (RecursionError, *_MISFITS):
        raise DiscoveryError(f"{path}: neither YAML nor JSON") from None
    for number, group in enumerate(groups):
        if problem := _wrong(group.labels):
            raise DiscoveryError(f"{path}: [{number}].labels: {problem}")
        for place, listed in enumerate(group.targets):
            try:
                yield _listed(source, listed, group.labels)
            except ValueError as error:
                raise DiscoveryError(f"{path}: [{number}].targets[{place}]: {error}") from None


def _groups(path: Path, content: bytes) -> tuple[_Group, ...]:
    try:
        # JSON is hundreds of times as fast as YAML.
        return msgspec.json.decode(content, type=tuple[_Group, ...] | None) or ()
    except msgspec.ValidationError:
        raise
    except UNREADABLE:
        text = content.decode()
        try:
            require_simple(text, deepest=_DEEPEST, most=_MOST_VALUES)
        except TooComplexError as error:
            raise DiscoveryError(f"{path}:{error.line}: {error}") from None
        # Aliases and merges can expand a small file without limit.
        if "*" in text and any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader)):
            raise DiscoveryError(f"{path}: has an alias (*name); write out what it stands for") from None
        loaded = yaml.load(text, Loader)  # noqa: S506 - a safe one
    return msgspec.convert([] if loaded is None else loaded, tuple[_Group, ...])


def _listed(source: FileDiscovery, listed: str, labels: dict[str, str]) -> Target:
    scheme = values.scheme(labels.get("__scheme__", source.scheme))
    address = values.url(listed if "://" in listed else f"{scheme}://{listed}")
    name = values.name(labels.get("instance", default_name(address)))
    changes = {"cluster": labels["cluster"]} if labels.get("cluster") else {}
    return source.target(name, address, labels=source.labels | _given(labels), **changes)


def _wrong(labels: dict[str, str]) -> str:
    """Return the error of invalid labels; empty if all are valid. Prometheus rejects all of ``/sd`` for one error."""
    if not all(map(values.is_label, _given(labels))):
        return "a name is not of letters, digits and _"
    if not labels.get("cluster", "").isprintable():
        return "cluster has characters that cannot be printed"
    for name, read in _READERS.items():
        try:
            read(labels[name])
        except KeyError:
            continue
        except ValueError as error:
            return f"{name} is {error}"
    return ""


def _given(labels: dict[str, str]) -> dict[str, str]:
    """Return the labels except those that Prometheus or the target itself uses."""
    return {key: text for key, text in labels.items() if not key.startswith("__") and key not in _OF_TARGET}
