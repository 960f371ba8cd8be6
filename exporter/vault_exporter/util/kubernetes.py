"""Metadata of objects of Kubernetes."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

__all__ = ["Metadata", "MetadataError", "metadata"]

_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_KEY: Final = re.compile(r"([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_LABEL: Final = re.compile(r"([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?")


class MetadataError(ValueError):
    """A name, label or annotation that Kubernetes refuses."""


class Metadata(msgspec.Struct, frozen=True):
    """What the user wants of an object's metadata, beside what the object has by itself."""

    name: str | None = None
    namespace: str | None = None
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}

    def of(
        self, name: str, labels: Mapping[str, str] | None = None, annotations: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Return ``metadata`` of an object.

        Args:
            name: name of the object.
            labels: its labels, which the user's replace.
            annotations: its annotations, which the user's replace.
        """
        fields = {
            "name": name,
            "namespace": self.namespace,
            "labels": {**(labels or {}), **self.labels},
            "annotations": {**(annotations or {}), **self.annotations},
        }
        return {key: value for key, value in fields.items() if value}


def metadata(name: str | None, namespace: str | None, labels: Iterable[str], annotations: Iterable[str]) -> Metadata:
    """Check what the user gave. Labels and annotations have the form ``KEY=VALUE``.

    Raises:
        MetadataError: Kubernetes would refuse one.
    """
    for option, given in (("--name", name), ("--namespace", namespace)):
        if given is not None and not _NAME.fullmatch(given):
            raise MetadataError(f"{option} {given}: lower-case letters, digits, - and . are allowed")
    return Metadata(name, namespace, _pairs("--label", labels), _pairs("--annotation", annotations))


def _pairs(option: str, texts: Iterable[str]) -> dict[str, str]:
    pairs = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not _KEY.fullmatch(key):
            raise MetadataError(f"{option} {text}: not of the form KEY=VALUE")
        if option == "--label" and not _LABEL.fullmatch(value):
            raise MetadataError(
                f"{option} {text}: a label's value has at most 63 letters, digits, -, _ and ., and starts and ends "
                "with a letter or digit"
            )
        pairs[key] = value
    return pairs
