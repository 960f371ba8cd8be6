"""Metric families, samples, and their rendering in Prometheus' two text formats.

The catalogue declares families, collectors and the audit reader make samples of them, and only this module knows
how they look on a page. References:
https://prometheus.io/docs/instrumenting/exposition_formats/ (text 0.0.4) and
https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md.
"""

import enum
import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from prometheus_client.exposition import choose_encoder

__all__ = ["EOF", "Family", "Format", "Sample", "negotiate", "render"]

MetricType = Literal["counter", "gauge"]

EOF: Final = b"# EOF\n"
"""What ends an OpenMetrics page; text 0.0.4 has no end mark."""


class Format(enum.Enum):
    """An exposition format; the value is its ``Content-Type``."""

    TEXT = "text/plain; version=0.0.4; charset=utf-8"
    OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Family:
    """One metric family: everything that is said of a metric apart from its values.

    ``name`` is the full sample name (a counter's ends in ``_total``), ``source`` says where the values come from
    (an endpoint of Vault, or a part of the exporter) and is what ``docs/metrics.md`` is grouped by.
    """

    name: str
    type: MetricType
    help: str
    source: str
    labels: tuple[str, ...] = ()

    def __call__(self, value: float, *labels: str) -> "Sample":
        """Make a sample, with label values in the order of ``labels``.

        Raises:
            ValueError: the number of label values is not the family's.
        """
        if len(labels) != len(self.labels):
            raise ValueError(f"{self.name} has labels {self.labels}, got {labels}")
        return Sample(self, labels, value)


class Sample(NamedTuple):
    """One value of a family, with label values in the family's order."""

    family: Family
    labels: tuple[str, ...]
    value: float


def negotiate(accept: str | None) -> Format:
    """Choose the format for a request's ``Accept`` header, as prometheus_client does."""
    _, content_type = choose_encoder(accept or "")
    return Format.OPENMETRICS if content_type.startswith("application/openmetrics-text") else Format.TEXT


def render(samples: Iterable[Sample], fmt: Format) -> bytes:
    """Render samples grouped by family, in the order in which families first appear; without ``# EOF``."""
    grouped: dict[str, list[str]] = {}
    for family, labels, value in samples:
        lines = grouped.get(family.name)
        if lines is None:
            lines = grouped[family.name] = [_header(family, fmt)]
        lines.append(f"{family.name}{_label_text(family.labels, labels)} {_number(value)}\n")
    return "".join("".join(lines) for lines in grouped.values()).encode()


@lru_cache(maxsize=1024)
def _header(family: Family, fmt: Format) -> str:
    name, text = family.name, family.help.replace("\\", r"\\").replace("\n", r"\n")
    if fmt is Format.OPENMETRICS:
        text = text.replace('"', r"\"")
        if family.type == "counter":
            name = name.removesuffix("_total")
    return f"# HELP {name} {text}\n# TYPE {name} {family.type}\n"


@lru_cache(maxsize=16384)
def _label_text(names: tuple[str, ...], values: tuple[str, ...]) -> str:
    if not names:
        return ""
    pairs = ",".join(f'{name}="{_escape(value)}"' for name, value in zip(names, values, strict=True))
    return f"{{{pairs}}}"


def _escape(value: str) -> str:
    # A lone surrogate (from a mangled byte) has no UTF-8 form and would lose the whole page.
    value = value.encode("utf-8", "replace").decode()
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _number(value: float) -> str:
    if math.isfinite(value):
        return str(int(value)) if value == int(value) and abs(value) < 2**53 else repr(float(value))
    if math.isnan(value):
        return "NaN"
    return "+Inf" if value > 0 else "-Inf"
