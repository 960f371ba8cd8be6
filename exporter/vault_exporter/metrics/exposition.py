"""Render samples in Prometheus' two text formats.

References: https://prometheus.io/docs/instrumenting/exposition_formats/ (text 0.0.4) and
https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md.
"""

import enum
import math
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import zip_longest
from typing import Final

from prometheus_client.exposition import choose_encoder

from vault_exporter.metrics.family import Distribution, Exemplar, Family, Sample

__all__ = ["EOF", "Format", "add_label", "negotiate", "render"]

_LONGEST_EXEMPLAR: Final = 128
"""Characters of an exemplar's names and values, by OpenMetrics."""

_LONGEST_KEPT: Final = 256
_MOST_KEPT: Final = 16384
"""Characters and number of the texts of labels that are kept: some megabytes."""

_FAMILY: Final = b"\n# TYPE "
"""What stands before each family's type and samples."""
_LABELLED: Final = re.compile(rb"\n([\w:]+)\{(?!\})")
"""The beginning of a sample with labels. The line end is part of the pattern, since ``^`` takes three times as long."""
_BARE: Final = re.compile(rb"\n([\w:]+)(?:\{\})? ")
"""The beginning of a sample without labels."""

_MOST_EXACT: Final = 2.0**53
_LEAST_EXACT: Final = -_MOST_EXACT
"""Between these bounds a float holds every integer."""
_SMALL: Final = {float(number): str(number) for number in range(256)}
"""The text of the numbers that most samples have."""

EOF: Final = b"# EOF\n"
"""What ends an OpenMetrics page; text 0.0.4 has no end mark."""


class Format(enum.Enum):
    """An exposition format; the value is its ``Content-Type``."""

    TEXT = "text/plain; version=0.0.4; charset=utf-8"
    OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


@lru_cache(maxsize=32)  # Prometheus sends a long one, the same each time
def negotiate(accept: str | None) -> Format:
    """Choose the format for a request's ``Accept`` header, as prometheus_client does."""
    try:
        _, content_type = choose_encoder(accept or "")
    except (TypeError, ValueError):  # a version that is no number
        return Format.TEXT
    return Format.OPENMETRICS if content_type.startswith("application/openmetrics-text") else Format.TEXT


def render(samples: Iterable[Sample], fmt: Format) -> bytes:
    """Render samples grouped by family, in the order in which families first appear; without ``# EOF``."""
    is_openmetrics = fmt is Format.OPENMETRICS  # a member of an enum is slower to hash than the rest of a line
    grouped: dict[str, list[str]] = {}
    last: Family | None = None
    name = ""
    names: tuple[str, ...] = ()
    lines: list[str] = []
    for family, labels, value, distribution in samples:
        if family is not last:  # a family's samples mostly follow one another
            last, name, names = family, family.name, family.labels
            found = grouped.get(name)
            lines = grouped[name] = [_header(family, is_openmetrics)] if found is None else found
        if distribution is not None:
            lines += _histogram(family, labels, distribution, is_openmetrics)
        else:
            lines.append(f"{name}{_label_texts[names, labels]} {_SMALL.get(value) or _number(value)}\n")
    return "".join(["".join(lines) for lines in grouped.values()]).encode()


def add_label(page: bytes, name: str, value: str) -> bytes:
    """Add a label to every sample of a page, apart from families that have a label with this name.

    It works on the text, so that it costs the same for each kind of page and nothing where it is not used.
    """
    start = f'{name}="'.encode()
    own = re.compile(rb"\n[\w:]+\{(?:[^\n]*,)?" + start)
    # In a template of `re`, a backslash escapes.
    pair = f'{name}="{_escape(value)}"'.replace("\\", r"\\").encode()
    labelled, bare = rb"\n\1{%b," % pair, rb"\n\1{%b} " % pair
    return _FAMILY.join(
        family if start in family and own.search(family) else _BARE.sub(bare, _LABELLED.sub(labelled, family))
        for family in page.split(_FAMILY)
    )


@lru_cache(maxsize=1024)
def _header(family: Family, is_openmetrics: bool) -> str:  # noqa: FBT001 - as a key of a cache
    name, text = family.name, family.help.replace("\\", r"\\").replace("\n", r"\n")
    if is_openmetrics:
        text = text.replace('"', r"\"")
        if family.type == "counter":
            name = name.removesuffix("_total")
    return f"# HELP {name} {text}\n# TYPE {name} {family.type}\n"


def _histogram(
    family: Family,
    labels: tuple[str, ...],
    value: Distribution,
    is_openmetrics: bool,  # noqa: FBT001 - see _header
) -> Iterator[str]:
    *buckets, total, sum_of_all = _histogram_text(family, labels)
    exemplars = value.exemplars if is_openmetrics else ()
    count = 0
    for text, own, exemplar in zip_longest(buckets, value.counts, exemplars):
        count += own
        yield f"{text}{count}{_exemplar(exemplar) if exemplar else ''}\n"
    yield f"{total}{count}\n"
    yield f"{sum_of_all}{_number(value.sum)}\n"


@lru_cache(maxsize=4096)
def _histogram_text(family: Family, labels: tuple[str, ...]) -> tuple[str, ...]:
    """What stands before the values: of every bucket, of the count, of the sum."""
    names = (*family.labels, "le")
    # Bounds as floats in both formats: Prometheus would take le="1" and le="1.0" for two buckets.
    bounds = (*(repr(float(bound)) for bound in family.buckets), "+Inf")
    own = _label_texts[family.labels, labels]
    return (
        *(f"{family.name}_bucket{{{_pairs(names, (*labels, bound))}}} " for bound in bounds),
        f"{family.name}_count{own} ",
        f"{family.name}_sum{own} ",
    )


def _exemplar(exemplar: Exemplar) -> str:
    if sum(len(name) + len(value) for name, value in exemplar.labels) > _LONGEST_EXEMPLAR:
        return ""
    names, values = zip(*exemplar.labels, strict=True) if exemplar.labels else ((), ())
    text = _pairs(names, values)  # not cached: it is another one each time
    return f" # {{{text}}} {_number(exemplar.value)} {exemplar.timestamp:.3f}"


class _LabelTexts(dict[tuple[tuple[str, ...], tuple[str, ...]], str]):
    """The text of labels, by names and values, for all families that have them. Short ones are kept, within a limit."""

    def __missing__(self, labels: tuple[tuple[str, ...], tuple[str, ...]]) -> str:
        text = f"{{{_pairs(*labels)}}}" if labels[1] else ""
        if len(text) <= _LONGEST_KEPT:
            if len(self) >= _MOST_KEPT:
                self.clear()
            self[labels] = text
        return text


_label_texts: Final = _LabelTexts()


def _pairs(names: tuple[str, ...], values: tuple[str, ...]) -> str:
    text = "".join(values)
    if not text.isascii() or "\\" in text or '"' in text or "\n" in text:
        values = tuple(map(_escape, values))
    return _template(names) % values


@lru_cache(maxsize=1024)
def _template(names: tuple[str, ...]) -> str:
    return ",".join(f'{name}="%s"' for name in names)


def _escape(value: str) -> str:
    # A lone surrogate (from a mangled byte) has no UTF-8 form and would lose the whole page.
    value = value.encode("utf-8", "replace").decode()
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _number(value: float) -> str:
    if _LEAST_EXACT < value < _MOST_EXACT:
        whole = int(value)
        return str(whole) if value == whole else repr(float(value))
    if math.isfinite(value):
        return repr(float(value))
    if math.isnan(value):
        return "NaN"
    return "+Inf" if value > 0 else "-Inf"
