"""Build the summary of a replay from the same samples that the exporter publishes."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Final

import msgspec

from vault_exporter.audit.replay.merging import FileResult, Replayed
from vault_exporter.audit.top.sketches import Ranked, TopResult, presentable
from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Distribution, Family, Sample

__all__ = [
    "Event",
    "Latency",
    "Mount",
    "Summary",
    "Templated",
    "all_samples",
    "rejected_lines",
    "summarize",
    "without_entry",
]


_SHARES: Final = (0.5, 0.95, 0.99)
_DIGITS: Final = 9


class Mount(msgspec.Struct, frozen=True):
    """Requests and errors of a mount."""

    mount_point: str
    mount_type: str
    requests: int
    errors: int


class Templated(msgspec.Struct, frozen=True):
    """Requests and errors of a path label of ``audit.paths``."""

    template: str
    path: str
    """The label; ``other`` above ``max_path_values``."""
    requests: int
    errors: int


class Latency(msgspec.Struct, frozen=True):
    """Latency of requests in seconds. Quantiles are estimated within a bucket; None above the last bound."""

    mount_type: str
    operation_class: str
    count: int
    mean: float
    p50: float | None
    p95: float | None
    p99: float | None


class Event(msgspec.Struct, frozen=True):
    """Number of occurrences of a security or operations event."""

    event: str
    count: int
    last: float | None
    """Unix time of the last occurrence, in seconds."""


class Summary(msgspec.Struct, frozen=True):
    """The summary of all logs."""

    files: tuple[FileResult, ...]
    first: float | None
    """Earliest time of an entry, as Unix time in seconds."""
    last: float | None
    requests: int
    responses: int
    errors: dict[str, int]
    """Failed requests by error class, most frequent first."""
    rejected: dict[str, int]
    """Rejected lines by reason."""
    other_lines: int
    """Lines that are neither entries nor rejected, such as server log lines."""
    top: TopResult
    failed_paths: tuple[Ranked, ...]
    operations: dict[str, int]
    """Requests by operation, most frequent first."""
    mounts: tuple[Mount, ...]
    templates: tuple[Templated, ...]
    latency: tuple[Latency, ...]
    events: tuple[Event, ...]
    logins: int
    login_failures: int
    tokens_created: int
    tokens_revoked: int
    leases_created: int
    leases_revoked: int
    unanswered: int
    """Requests without a response. The responses of the last requests may be in the next log."""


def without_entry(replayed: Replayed) -> str:
    """Return an error if lines were read and none of them is an entry; empty otherwise."""
    samples = _by_family(replayed.pipeline.samples())
    if _total([*samples[c.AUDIT_ENTRIES], *samples[c.AUDIT_EXCLUDED]]):
        return ""
    if not any(file.read_bytes for file in replayed.files):
        return ""
    rejected = rejected_lines(replayed)
    if not rejected:
        return "no audit entry in it; is it the server's log?"
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in rejected.most_common())
    return (
        f"no line is an entry of an audit log: {reasons}; give the JSON lines that a device of Vault wrote, without "
        "what another program put before them"
    )


def rejected_lines(replayed: Replayed) -> Counter[str]:
    """Return the number of rejected lines by reason."""
    rejected = Counter[str]()
    for file in replayed.files:
        rejected.update({reason.value: count for reason, count in file.rejected.items()})
    return rejected


def summarize(replayed: Replayed, number: int) -> Summary:
    """Summarize a replay.

    Args:
        replayed: the result of the replay.
        number: length of each ranking.

    Raises:
        ValueError: reports were asked for instead.
    """
    samples = _by_family(replayed.pipeline.samples())
    top, seen = replayed.for_summary
    failed = seen.failed_paths.top(number)
    return Summary(
        files=replayed.files,
        first=seen.first.timestamp() if seen.first else None,
        last=seen.last.timestamp() if seen.last else None,
        requests=_total(s for s in samples[c.AUDIT_ENTRIES] if s.labels[0] == "request"),
        responses=_total(s for s in samples[c.AUDIT_ENTRIES] if s.labels[0] == "response"),
        errors=_ranked(samples[c.AUDIT_ERRORS], 0),
        rejected=dict(rejected_lines(replayed).most_common()),
        other_lines=sum(file.other_lines for file in replayed.files),
        top=top.top(number),
        failed_paths=tuple(Ranked(presentable(item.value), "", *item[1:]) for item in failed),
        operations=_ranked((s for s in samples[c.AUDIT_ENTRIES] if s.labels[0] == "request"), 1),
        mounts=_mounts(samples)[:number],
        templates=_templates(samples)[:number],
        latency=_latencies(samples[c.AUDIT_DURATION]),
        events=_events(samples),
        logins=_total(samples[c.AUDIT_LOGINS]),
        login_failures=_total(samples[c.AUDIT_LOGIN_FAILURES]),
        tokens_created=_total(samples[c.AUDIT_TOKENS_CREATED]),
        tokens_revoked=_total(samples[c.AUDIT_TOKENS_REVOKED]),
        leases_created=_total(samples[c.AUDIT_LEASES_CREATED]),
        leases_revoked=_total(samples[c.AUDIT_LEASES_REVOKED]),
        unanswered=_total(samples[c.AUDIT_PENDING]) + _total(samples[c.AUDIT_UNANSWERED]),
    )


def all_samples(replayed: Replayed) -> Iterable[Sample]:
    """Yield the counters as samples, including those of single files."""
    yield from replayed.pipeline.samples()
    for file in replayed.files:
        last = replayed.pipeline.last_entry(file.name)
        if last is not None:
            yield c.AUDIT_LAST_ENTRY(last, file.name)
        yield c.AUDIT_READ_BYTES(file.read_bytes, file.name)
        yield c.AUDIT_OTHER_LINES(file.other_lines, file.name)
        for reason, count in file.rejected.items():
            yield c.AUDIT_REJECTED(count, file.name, reason.value)


def quantile(family: Family, distribution: Distribution, share: float) -> float | None:
    """Estimate a quantile as Prometheus does; None above the last bound."""
    wanted, below, lower = share * sum(distribution.counts), 0, 0.0
    for bound, count in zip(family.buckets, distribution.counts, strict=False):
        if count and below + count >= wanted:
            return lower + (bound - lower) * (wanted - below) / count
        below, lower = below + count, bound
    return None


def _latencies(samples: Iterable[Sample]) -> tuple[Latency, ...]:
    ranked = sorted((sample for sample in samples if sample.value), key=lambda s: (-s.value, s.labels))
    return tuple(map(_latency, ranked))


def _latency(sample: Sample) -> Latency:
    distribution = sample.distribution or Distribution((), 0)
    p50, p95, p99 = (quantile(sample.family, distribution, share) for share in _SHARES)
    mount_type, operation_class = sample.labels
    mean = round(distribution.sum / sample.value, _DIGITS)  # round, so that the order of the additions does not show
    return Latency(mount_type, operation_class, int(sample.value), mean, p50, p95, p99)


def _mounts(samples: dict[Family, list[Sample]]) -> tuple[Mount, ...]:
    requests, errors = Counter[tuple[str, ...]](), Counter[tuple[str, ...]]()
    for sample in samples[c.AUDIT_ENTRIES]:
        if sample.labels[0] == "request":
            requests[sample.labels[2:]] += int(sample.value)
    for sample in samples[c.AUDIT_ERRORS]:
        errors[sample.labels[1:]] += int(sample.value)
    ranked = sorted(requests, key=lambda mount: (-requests[mount], mount))
    return tuple(Mount(point, kind, requests[kind, point], errors[kind, point]) for kind, point in ranked)


def _templates(samples: dict[Family, list[Sample]]) -> tuple[Templated, ...]:
    requests = Counter[tuple[str, ...]]()
    for sample in samples[c.AUDIT_PATH_REQUESTS]:
        requests[sample.labels[:2]] += int(sample.value)
    errors = {sample.labels: int(sample.value) for sample in samples[c.AUDIT_PATH_ERRORS]}
    ranked = sorted(requests.keys() | errors, key=lambda labels: (-requests[labels], labels))
    return tuple(Templated(one[0], one[1], requests[one], errors.get(one, 0)) for one in ranked)


def _events(samples: dict[Family, list[Sample]]) -> tuple[Event, ...]:
    last = {sample.labels: sample.value for sample in samples[c.AUDIT_EVENT_LAST]}
    happened = sorted((s for s in samples[c.AUDIT_EVENTS] if s.value), key=lambda s: (-s.value, s.labels))
    return tuple(Event(sample.labels[0], int(sample.value), last.get(sample.labels)) for sample in happened)


def _ranked(samples: Iterable[Sample], label: int) -> dict[str, int]:
    counts = Counter[str]()
    for sample in samples:
        counts[sample.labels[label]] += int(sample.value)
    return {value: count for value, count in counts.most_common() if count}


def _total(samples: Iterable[Sample]) -> int:
    return int(sum(sample.value for sample in samples))


def _by_family(samples: Iterable[Sample]) -> dict[Family, list[Sample]]:
    groups = defaultdict[Family, list[Sample]](list)
    for sample in samples:
        groups[sample.family].append(sample)
    return groups
