"""What Prometheus knows: targets, rules, configuration, and the series that the checks need.

https://prometheus.io/docs/prometheus/latest/querying/api/. VictoriaMetrics and Mimir have a part of this API. What a
server does not have is None, and a note says so.
"""

import asyncio
import re
from collections.abc import Mapping
from sys import intern
from typing import Any, Final, Generic, TypeVar

import msgspec
import yaml

from vault_exporter.diagnose.doctor.read.api import AnswerTooLargeError, Api, ApiError
from vault_exporter.diagnose.doctor.read.queries import queries
from vault_exporter.diagnose.doctor.read.rules_in_force import JobNames, RuleGroup, job_names
from vault_exporter.util.yaml_loader import load_simple

__all__ = ["Prometheus", "PrometheusConfig", "Sample", "Target", "TooManySeriesError", "read_prometheus", "seconds"]

T = TypeVar("T")

_DURATION: Final = re.compile(r"(\d{1,12})(ms|[smhdwy])")
_UNSUPPORTED: Final = 400
"""The status of VictoriaMetrics and vmalert for a path that they do not have."""
_MOST_SERIES: Final = 50_000
"""Of one query. A query has one series a node, or a few."""
_MOST_SERIES_OF_ALL: Final = 200_000
"""Of all queries. Each takes about half a kilobyte."""
_LARGEST_VECTOR: Final = 16 * 1024 * 1024
"""Bytes of an answer to a query."""
_AT_ONCE: Final = 4
"""Queries at once."""
_UNITS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}


class TooManySeriesError(Exception):
    """A query has more series than are kept."""


class Sample(msgspec.Struct, frozen=True):
    """One series of an instant query."""

    labels: dict[str, str]
    value: float

    @property
    def job(self) -> str:
        """The label ``job``."""
        return self.labels.get("job", "")

    @property
    def cluster(self) -> str:
        """The label ``cluster``."""
        return self.labels.get("cluster", "")

    @property
    def node(self) -> tuple[str, str, str]:
        """The labels that name a target."""
        return self.job, self.cluster, self.labels.get("instance", "")

    def __str__(self) -> str:
        return f"{self.labels.get('instance') or '(no instance)'} (job {self.job or '(none)'})"


class Target(msgspec.Struct, frozen=True, rename="camel"):
    """A scraped endpoint."""

    labels: dict[str, str] = {}
    scrape_url: str = ""
    last_error: str = ""
    health: str = ""
    scrape_interval: str = ""
    """Empty where the server does not say it, as VictoriaMetrics."""
    scrape_timeout: str = ""
    last_scrape_duration: float = 0.0

    @property
    def job(self) -> str:
        """The label ``job``."""
        return self.labels.get("job", "")

    @property
    def node(self) -> tuple[str, str, str]:
        """The labels that name it."""
        return self.job, self.labels.get("cluster", ""), self.labels.get("instance", "")

    def __str__(self) -> str:
        return f"{self.labels.get('instance') or self.scrape_url} (job {self.job or '(none)'})"


class _Discovered(msgspec.Struct, frozen=True):
    job: str = ""


class DroppedTarget(msgspec.Struct, frozen=True, rename="camel"):
    """An endpoint that relabeling drops. There may be very many, so that only the job is kept."""

    discovered_labels: _Discovered = _Discovered()


class PrometheusConfig(msgspec.Struct, frozen=True):
    """Settings of Prometheus that the checks need."""

    external_labels: dict[str, str]
    alert_relabel_configs: tuple[dict[str, Any], ...]
    jobs: dict[str, dict[str, Any]]
    """``scrape_configs`` by job_name."""


class Prometheus(msgspec.Struct, frozen=True):
    """What was read."""

    product: str
    skew: float | None
    job_names: JobNames
    """What the rules in force select."""
    series: dict[str, tuple[Sample, ...] | None]
    """The results of the queries of :mod:`vault_exporter.diagnose.doctor.read.queries`; None of too many series."""
    groups: tuple[RuleGroup, ...] | None
    targets: tuple[Target, ...] | None
    dropped: tuple[DroppedTarget, ...]
    alertmanagers: tuple[str, ...] | None
    config: PrometheusConfig | None
    notes: tuple[str, ...]
    """What could not be read, and which checks lack it."""

    def one(self, name: str) -> tuple[Sample, ...]:
        """Return the result of a query.

        Raises:
            TooManySeriesError: there are too many series to keep.
        """
        series = self.series[name]
        if series is None:
            raise TooManySeriesError
        return series

    def place(self, job: str) -> str:
        """Say where a job is configured."""
        return f"prometheus.yml: scrape_configs: job_name: {job}" if job else "prometheus.yml: scrape_configs"


class _Answer(msgspec.Struct, Generic[T], frozen=True):
    data: T


class _Vector(msgspec.Struct, frozen=True):
    result: tuple["_Series", ...] = ()


class _Series(msgspec.Struct, frozen=True):
    metric: dict[str, str]
    value: tuple[float, str]


class _Targets(msgspec.Struct, frozen=True, rename="camel"):
    active_targets: tuple[Target, ...] = ()
    dropped_targets: tuple[DroppedTarget, ...] = ()


class _Groups(msgspec.Struct, frozen=True):
    groups: tuple[RuleGroup, ...] = ()


class _Url(msgspec.Struct, frozen=True):
    url: str


class _Alertmanagers(msgspec.Struct, frozen=True, rename="camel"):
    active_alertmanagers: tuple[_Url, ...] = ()


class _Config(msgspec.Struct, frozen=True):
    yaml: str


async def read_prometheus(api: Api, ruler: Api) -> Prometheus:
    """Read everything.

    Args:
        api: where series and targets are.
        ruler: where rules are evaluated; vmalert, or a ruler of its own, is another server.

    Raises:
        ApiError: it does not answer queries, which no check can do without.
    """
    await _query(api, "vector(1)")
    notes = _Notes()
    rules, targets, alertmanagers, config = await asyncio.gather(
        _optional(ruler, "/api/v1/rules", _Answer[_Groups], notes, "the rules"),
        _optional(api, "/api/v1/targets", _Answer[_Targets], notes, "scrape intervals, timeouts and scrape errors"),
        _optional(
            ruler, "/api/v1/alertmanagers", _Answer[_Alertmanagers], notes, "the Alertmanagers that alerts are sent to"
        ),
        _optional(api, "/api/v1/status/config", _Answer[_Config], notes, "external labels and alert relabeling"),
    )
    groups = rules.data.groups if rules else None
    if api.product == "VictoriaMetrics" and ruler is api and not groups:
        groups = None
        notes.append("VictoriaMetrics evaluates no rules: give vmalert's address with --rules; rules were not checked")
    if targets and any(not one.scrape_interval for one in targets.data.active_targets):
        notes.append(f"{api.product} does not say scrape intervals and timeouts: they were not checked")
    jobs = job_names(groups or ())
    return Prometheus(
        product=api.product,
        skew=api.skew,
        job_names=jobs,
        series=await _series(api, queries(jobs)),
        groups=groups,
        targets=targets.data.active_targets if targets else None,
        dropped=targets.data.dropped_targets if targets else (),
        alertmanagers=tuple(one.url for one in alertmanagers.data.active_alertmanagers) if alertmanagers else None,
        config=_settings(config.data.yaml, notes) if config else None,
        notes=tuple(filter(None, notes)),
    )


def seconds(duration: str) -> float:
    """Return the seconds of a duration such as 1m30s; 0 for an empty one."""
    return sum(int(number) * _UNITS[unit] for number, unit in _DURATION.findall(duration))


async def _series(api: Api, wanted: Mapping[str, str]) -> dict[str, tuple[Sample, ...] | None]:
    """Return the results of queries, by name, as far as there is room for them."""
    found: dict[str, tuple[Sample, ...] | None] = {}
    room = _MOST_SERIES_OF_ALL
    names = list(wanted)
    for at in range(0, len(names), _AT_ONCE):
        asked = names[at : at + _AT_ONCE]
        results = await asyncio.gather(*(_query(api, wanted[name]) for name in asked))
        for name, result in zip(asked, results, strict=True):
            found[name] = result if result is not None and len(result) <= room else None
            room -= len(found[name] or ())
    return found


async def _query(api: Api, expression: str) -> tuple[Sample, ...] | None:
    """Return the result, or None if it has too many series."""
    parameters = {"query": expression, "limit": str(_MOST_SERIES + 1)}  # Old versions ignore the limit.
    try:
        answer = await api.get("/api/v1/query", _Answer[_Vector], parameters, largest=_LARGEST_VECTOR)
    except AnswerTooLargeError:
        return None
    if len(answer.data.result) > _MOST_SERIES:
        return None
    try:
        return tuple(Sample(_shared(one.metric), float(one.value[1])) for one in answer.data.result)
    except ValueError:
        raise ApiError(f"{api.name}: /api/v1/query: a value that is no number", "") from None


def _shared(labels: dict[str, str]) -> dict[str, str]:
    """Return labels whose values are stored once. Most queries are about the same nodes, and this saves a third."""
    return {name: intern(value) for name, value in labels.items()}


class _Notes(list[str]):
    """Notes in the order of the requests, not of the answers."""

    def reserve(self) -> int:
        """Return the place of a note that may come; it is empty until then."""
        self.append("")
        return len(self) - 1


async def _optional(api: Api, path: str, kind: type[T], notes: _Notes, what: str) -> T | None:
    """Read an endpoint that not every server has."""
    place = notes.reserve()
    try:
        return await api.get(path, kind)
    except ApiError as error:
        if error.absent or error.status == _UNSUPPORTED:
            notes[place] = f"{api.product} has no {path} here: {what} were not checked"
        else:
            notes[place] = f"{error}: {what} were not checked"
        return None


def _settings(text: str, notes: list[str]) -> PrometheusConfig | None:
    try:
        read = load_simple(text)
        return msgspec.convert(
            {
                "external_labels": (read.get("global") or {}).get("external_labels") or {},
                "alert_relabel_configs": (read.get("alerting") or {}).get("alert_relabel_configs") or (),
                "jobs": {one["job_name"]: one for one in read.get("scrape_configs") or ()},
            },
            PrometheusConfig,
        )
    except (yaml.YAMLError, msgspec.ValidationError, AttributeError, KeyError, TypeError):
        notes.append("/api/v1/status/config: an unexpected form: external labels and alert relabeling were not checked")
        return None
