"""What the pipeline makes of lines: real ones, and some that show a single thing."""

import json
import pickle
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import ClassVar, Self

import pytest

from tests.audit.entries import LOG, classified, fed, line, of, recorded, values
from vault_exporter.audit.count.observer import Observed
from vault_exporter.audit.count.pending import Pending
from vault_exporter.audit.count.pipeline import PipelineSettings
from vault_exporter.audit.parse.decode import is_alphabetical
from vault_exporter.audit.parse.entry import Entry, ResponseEntry, Sent
from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample


@pytest.mark.parametrize(("kind", "what", "entry"), classified())
def test_classes_of_errors(kind: str, what: str, entry: bytes) -> None:
    counted = {labels[0]: count for labels, count in values(fed([entry]), c.AUDIT_ERRORS).items()}
    assert counted == ({} if kind == "none" else {kind: 1}), what


def test_every_line_of_a_real_server_counts_once() -> None:
    lines = recorded()
    pipeline = fed(lines)
    for family in (c.AUDIT_ENTRIES, c.AUDIT_NAMESPACE_ENTRIES):
        assert sum(values(pipeline, family).values()) == len(lines)
    assert sum(values(pipeline, c.AUDIT_ENTRY_BYTES).values()) == sum(map(len, lines))
    assert not pipeline.rejected(LOG)


def test_a_failed_request_counts_once_in_each_family() -> None:
    pipeline = fed(entry for _, _, entry in classified())
    failed = sum(values(pipeline, c.AUDIT_ERRORS).values())
    assert failed == sum(kind != "none" for kind, _, _ in classified())
    assert sum(values(pipeline, c.AUDIT_NAMESPACE_ERRORS).values()) == failed


def test_a_response_less_its_request_is_the_duration() -> None:
    pipeline = fed(
        [
            line("request", "2026-11-24T12:00:59.9999Z", "a"),
            line("request", "2026-11-24T12:00:00.5Z", "b", request={"operation": "update"}),
            line("response", "2026-11-24T12:01:00.0009Z", "a"),
            line("response", "2026-11-24T12:00:00Z", "b", request={"operation": "update"}),
        ]
    )
    by_class = {sample.labels: sample.distribution for sample in of(pipeline, c.AUDIT_DURATION)}
    read = by_class["kv", "read"]
    assert read is not None
    assert (read.counts[c.AUDIT_DURATION.buckets.index(0.001)], sum(read.counts)) == (1, 1)
    assert read.sum == pytest.approx(0.001)
    (exemplar,) = [exemplar for exemplar in read.exemplars if exemplar]
    assert exemplar.labels == (("request_id", "a"),)
    assert exemplar.value == pytest.approx(0.001)
    # The clock was set back: a duration of nothing, and the sum does not fall.
    write = by_class["kv", "write"]
    assert write is not None
    assert (write.counts[0], write.sum) == (1, 0)


def test_durations_of_millions_of_years_end_nothing() -> None:
    entries = [
        line(kind, time, id_=f"r{number}")
        for number in range(300)
        for kind, time in (("request", "0001-01-01T00:00:00Z"), ("response", "9999-12-31T23:59:59Z"))
    ]
    pipeline = fed(entries)
    longest = timedelta.max.total_seconds()
    (read,) = (sample.distribution for sample in of(pipeline, c.AUDIT_DURATION))
    assert read is not None
    assert (read.sum, sum(read.counts)) == (longest, 300)
    assert not values(pipeline, c.AUDIT_UNMATCHED)
    assert sum(values(pipeline, c.AUDIT_ENTRIES).values()) == len(entries)
    whole = fed(entries)
    whole.merge(pipeline)
    (read,) = (sample.distribution for sample in of(whole, c.AUDIT_DURATION))
    assert read is not None
    assert read.sum == longest


@pytest.mark.parametrize("observed", [False, True])
@pytest.mark.parametrize("end", [b"\n", b""])
def test_vaults_order_of_fields_counts_as_openbaos(end: bytes, *, observed: bool) -> None:
    entries = [json.loads(entry) for entry in recorded()] + [json.loads(entry) for _, _, entry in classified()]
    compact = json.JSONEncoder(separators=(",", ":")).encode
    in_order = json.JSONEncoder(separators=(",", ":"), sort_keys=True).encode
    assert is_alphabetical(in_order(entries[0]).encode())
    paths, same_paths = Paths(), Paths()
    openbao = fed((compact(entry).encode() + end for entry in entries), observers=[paths][:observed])
    vault = fed((in_order(entry).encode() + end for entry in entries), observers=[same_paths][:observed])
    assert sorted(_counts(vault.samples())) == sorted(_counts(openbao.samples()))
    assert same_paths.seen == paths.seen
    assert bool(paths.seen) == observed


def test_a_response_whose_request_is_unknown_is_counted_by_what_it_says_itself() -> None:
    others = {"mount_type": "pki", "mount_point": "pki/", "operation": "update"}
    pipeline = fed(
        [
            line("request"),  # also after one was answered, and where requests have no id to tell them apart
            line("response"),
            line("response", id_="unknown", request=others),
            line("request", id_=""),
            line("request", id_="", request=others),
            line("response", id_=""),
            line("response", id_="", request=others),
        ]
    )
    assert values(pipeline, c.AUDIT_ENTRIES) == {
        ("request", "read", "kv", "kv/"): 2,
        ("response", "read", "kv", "kv/"): 2,
        ("request", "update", "pki", "pki/"): 1,
        ("response", "update", "pki", "pki/"): 2,
    }


def test_a_response_without_its_request_and_requests_without_responses() -> None:
    old = [line("request", "2026-11-24T12:00:00Z", f"{number}") for number in range(3)]
    pipeline = fed([line("response", id_="x"), *old])
    assert values(pipeline, c.AUDIT_UNMATCHED) == {(): 1}
    assert values(pipeline, c.AUDIT_PENDING) == {(): 3}
    pipeline.feed(LOG, [line("request", "2026-11-24T12:10:00Z", "new")])
    assert Pending.LONGEST.total_seconds() == 600
    assert values(pipeline, c.AUDIT_UNANSWERED) == {("expired",): 3}
    assert values(pipeline, c.AUDIT_PENDING) == {(): 1}


def test_what_waits_for_its_response_is_bounded() -> None:
    settings = PipelineSettings(max_pending=10)
    pipeline = fed((line("request", id_=f"{number}") for number in range(100)), settings)
    assert values(pipeline, c.AUDIT_UNANSWERED) == {("evicted",): 90}
    pipeline.feed(LOG, [line("response", id_="89"), line("response", id_="90")])
    assert values(pipeline, c.AUDIT_UNMATCHED) == {(): 1}


class Paths:
    """Counts paths; module-wide, so that it can be pickled."""

    observed: ClassVar[Observed] = Observed.REQUESTS | Observed.RESPONSES
    needs_sender: ClassVar[bool] = True

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self.failures = 0

    def observe(self, entry: Sent | ResponseEntry) -> None:
        if isinstance(entry, ResponseEntry):
            self.seen["" if entry.request is None else entry.request.path] += 1
        elif entry.request is not None:
            self.seen[f"{entry.request.remote_address} {entry.request.path}"] += 1

    def failed(self, entry: Entry) -> None:
        self.failures += entry.request is not None

    def samples(self) -> Iterable[Sample]:
        return ()

    def merge(self, other: Self) -> None:
        self.seen.update(other.seen)
        self.failures += other.failures


def test_two_processes_count_as_one_does() -> None:
    lines = recorded() + [entry for _, _, entry in classified()]
    whole = fed([*lines, *lines], observers=[Paths()])
    first, second = fed(lines, observers=[Paths()]), fed(lines, observers=[Paths()])
    first = pickle.loads(pickle.dumps(first))  # noqa: S301 - our own
    first.merge(pickle.loads(pickle.dumps(second)))  # noqa: S301
    assert sorted(_counts(first.samples())) == sorted(_counts(whole.samples()))
    assert first.last_entry(LOG) == whole.last_entry(LOG)
    (merged,), (seen) = first.observers, whole.observers[0]
    assert isinstance(merged, Paths)
    assert isinstance(seen, Paths)
    assert merged.seen == seen.seen
    assert merged.failures == seen.failures > 0
    assert sum(seen.seen.values()) == 2 * len(lines)


def _counts(samples: Iterable[Sample]) -> Iterable[tuple[str, tuple[str, ...], float]]:
    return ((family.name, labels, value) for family, labels, value, _ in samples)
