"""Lines that no Vault writes whole, and values that it writes too many of: nothing breaks, and all of it is counted."""

import json
import re
import tracemalloc
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.audit import fuzz
from tests.audit.entries import LOG, fed, line, of, recorded, values
from tests.lab.waiting import eventually
from vault_exporter.audit.count.counters import MOST_CELLS, Limits
from vault_exporter.audit.count.pipeline import Pipeline, PipelineSettings
from vault_exporter.audit.parse.decode import Reject
from vault_exporter.audit.service import AuditService
from vault_exporter.config.schema.model import Audit
from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.exposition import Format, render

GOOD = recorded()[1]
DEEP = b"[" * 400_000
"""Deeper than any Python goes: 3.14 goes as deep as its stack is large, which is 250,000 with 8 MB."""

CORPUS: list[tuple[str, bytes, int, Reject | None]] = [
    # what, line, entries counted of it, reason of its reject
    ("empty", b"\n", 0, None),
    ("spaces", b"   \n", 0, None),
    ("text", b"panic: runtime error\n", 0, Reject.NOT_JSON),
    ("NUL", b"\x00" * 4096 + b"\n", 0, Reject.NOT_JSON),
    ("NUL before an entry, after a crash", b"\x00" * 4096 + GOOD, 1, None),
    ("bad UTF-8 in a field that is used", GOOD.replace(b"its-camera-ai/", b"its-\xff\xfe/", 1), 0, Reject.NOT_JSON),
    ("torn", GOOD[:300] + b"\n", 0, Reject.NOT_JSON),
    ("torn at the end", GOOD[:-2] + b"\n", 0, Reject.NOT_JSON),
    ("torn and glued to a whole one", GOOD[:300] + GOOD, 1, Reject.NOT_JSON),
    ("torn twice and glued", GOOD[:200] + GOOD[:500] + GOOD, 1, Reject.NOT_JSON),
    ("prefixed", b"@cee: " + GOOD, 1, None),
    ("prefixed as by syslog", b"<134>Nov 24 12:00:00 vault-1 vault[42]: " + GOOD, 1, None),
    ("with a carriage return", GOOD[:-1] + b"\r\n", 1, None),
    ("a number", b"42\n", 0, Reject.NOT_AN_ENTRY),
    ("a list", b'[{"type":"request"}]\n', 0, Reject.NOT_JSON),
    ("null", b"null\n", 0, Reject.NOT_AN_ENTRY),
    ("an object of something else", b'{"level":"info","msg":"x"}\n', 0, Reject.NOT_AN_ENTRY),
    ("no type", b'{"time":"2026-11-24T12:00:00Z"}\n', 0, Reject.NOT_AN_ENTRY),
    ("another type", b'{"type":"audit"}\n', 0, Reject.NOT_AN_ENTRY),
    ("nothing but a type", b'{"type":"request"}\n', 1, None),
    ("null everywhere", b'{"type":"response","auth":null,"request":null,"response":null,"error":null}\n', 1, None),
    ("numbers everywhere", b'{"type":"response","auth":1,"request":2,"response":3,"error":4,"time":5}\n', 1, None),
    ("wrong types within", line("response", request={"operation": 5, "namespace": [], "path": {}}), 1, None),
    ("a time without a zone", line("response", "2026-11-24T12:00:00"), 1, None),
    ("a time that is none", line("response", "yesterday"), 1, None),
    ("a mount as long as a book", line("response", request={"mount_point": "m" * 100_000}), 1, None),
    ("nested deeply", b'{"type":"request","x":' + DEEP + b"]" * 400_000 + b"}\n", 0, Reject.NOT_JSON),
    ("nested deeply and not closed", b'{"type":"request","x":' + DEEP + b"\n", 0, Reject.NOT_JSON),
    ("a field twice", b'{"type":"request","type":"response"}\n', 1, None),
    ("a number beyond all bounds", line("response", response={"auth": {"token_ttl": 10**400}}), 1, None),
    ("a lone surrogate", b'{"type":"request","request":{"mount_type":"\\ud800"}}\n', 0, Reject.NOT_JSON),
]


@pytest.mark.parametrize(
    ("entry", "entries", "reason"), [case[1:] for case in CORPUS], ids=[case[0] for case in CORPUS]
)
def test_a_hostile_line_is_counted_and_the_next_good_one_too(entry: bytes, entries: int, reason: Reject | None) -> None:
    pipeline = fed([entry, GOOD])
    assert sum(values(pipeline, c.AUDIT_ENTRIES).values()) == entries + 1
    assert pipeline.rejected(LOG) == Counter([reason] if reason else [])
    assert render(pipeline.samples(), Format.OPENMETRICS)


def test_all_decoders_agree_on_the_corpus_and_on_real_lines_cut_anywhere() -> None:
    for _, entry, _, _ in CORPUS:
        fuzz.check(entry)
    for entry in recorded():
        alphabetical = json.dumps(json.loads(entry), sort_keys=True, separators=(",", ":")).encode() + b"\n"
        for whole in (entry, alphabetical):
            for end in (0, 1, 2, 3, 17, 40, len(whole) // 2):
                fuzz.check(whole[: len(whole) - end])
                fuzz.check(whole[end:])


async def test_the_corpus_and_200_mb_in_one_line_within_bounded_memory(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    with log.open("wb") as file:
        for entry in (case[1] for case in CORPUS):
            file.write(entry)
        file.write(b'{"type":"request","request":{"path":"')
        for _ in range(200):
            file.write(b"x" * 1_000_000)
        file.write(b'"}}\n' + GOOD + GOOD[:100])  # and the last line has no newline
    reader = AuditService(Audit(logs=(log,), from_start=True))
    tracemalloc.start()
    try:
        while reader.logs[0].step():
            pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 64 << 20
    samples = list(reader.samples())
    counted = sum(sample.value for sample in samples if sample.family is c.AUDIT_ENTRIES)
    assert counted == sum(case[2] for case in CORPUS) + 1
    rejected = {sample.labels[1]: sample.value for sample in samples if sample.family is c.AUDIT_REJECTED}
    reasons = Counter(case[3] for case in CORPUS if case[3])
    assert rejected == {**{reason.value: reasons[reason] for reason in Reject}, Reject.TOO_LONG: 1}
    (skipped,) = [sample.value for sample in samples if sample.family is c.AUDIT_SKIPPED_BYTES]
    assert skipped == 200_000_041


@pytest.mark.parametrize("what", ["mount_point", "mount_type", "path", "namespace", "operation", "id", "client"])
def test_a_hundred_thousand_of_a_kind_are_a_bounded_number_of_series(what: str) -> None:
    """The million of all kinds is in the next; this tells the kind that breaks."""
    pipeline = Pipeline(PipelineSettings())
    many(pipeline, what, 100_000)
    check_bounds(pipeline, 100_000)


def test_a_million_paths_mounts_and_clients_are_a_bounded_number_of_series() -> None:
    pipeline = Pipeline(PipelineSettings())
    many(pipeline, "everything", 1_000_000)
    check_bounds(pipeline, 1_000_000)
    assert values(pipeline, c.AUDIT_UNANSWERED) == {("evicted",): 900_000}


def many(pipeline: Pipeline, what: str, number: int) -> None:
    template = line("request", id_="ID", request={"path": "PATH", "mount_point": "kv/", "client_id": "CLIENT"}).decode()
    template = template.replace('"kv/"', '"POINT/"').replace('"kv"', '"TYPE"').replace('"read"', '"OPERATION"')
    template = template.replace('"path"', '"namespace": {"id": "x", "path": "NAMESPACE"}, "path"')
    words = ("ID", "PATH", "CLIENT", "POINT", "TYPE", "OPERATION", "NAMESPACE")
    kinds = {"mount_point": "POINT", "mount_type": "TYPE", "client": "CLIENT"}
    chosen = words if what == "everything" else (kinds.get(what, what.upper()),)
    parts = re.split("|".join(chosen), template)
    for start in range(0, number, 1000):
        pipeline.feed(LOG, [f"{at}".join(parts).encode() for at in range(start, start + 1000)])


def check_bounds(pipeline: Pipeline, number: int) -> None:
    for family in (c.AUDIT_ENTRIES, c.AUDIT_NAMESPACE_ENTRIES):
        assert sum(values(pipeline, family).values()) == number
    limits = Limits()
    assert len(of(pipeline, c.AUDIT_ENTRIES)) <= 18 * (limits.mounts + 2)
    assert len(of(pipeline, c.AUDIT_NAMESPACE_ENTRIES)) <= limits.namespaces + 2
    assert len(of(pipeline, c.AUDIT_DURATION)) <= 5 * (limits.mount_types + 2)
    assert len(list(pipeline.samples())) < MOST_CELLS
    overflow = values(pipeline, c.AUDIT_OVERFLOW)
    others = [sample for sample in of(pipeline, c.AUDIT_ENTRIES) if "other" in sample.labels]
    assert bool(overflow) >= bool(others)


SECRETS = {
    name: f"planted-{name}-7f3a"
    for name in (
        "token",
        "accessor",
        "data",
        "header",
        "answer",
        "lease",
        "error",
        "path",
        "display",
        "wrap",
        "metadata",
    )
}


def planted() -> list[bytes]:
    """Entries as a device with ``log_raw`` writes them, with a secret in every field that may hold one."""
    auth = {
        "client_token": SECRETS["token"],
        "accessor": SECRETS["accessor"],
        "display_name": SECRETS["display"],
        "policies": ["default"],
        "metadata": {"k": SECRETS["metadata"]},
        "token_type": "service",
    }
    request = {
        "client_token": SECRETS["token"],
        "client_token_accessor": SECRETS["accessor"],
        "data": {"password": SECRETS["data"]},
        "headers": {"x-custom": [SECRETS["header"]]},
        "path": f"kv/{SECRETS['path']}",
        "request_uri": f"/v1/kv/{SECRETS['path']}",
    }
    response = {
        "auth": auth,
        "data": {"value": SECRETS["answer"]},
        "secret": {"lease_id": SECRETS["lease"]},
        "wrap_info": {"token": SECRETS["wrap"], "accessor": SECRETS["accessor"]},
    }
    failed: dict[str, Any] = {"auth": auth, "request": request, "error": f"{SECRETS['error']}: permission denied"}
    return [
        line("request", auth=auth, request=request),
        line("response", auth=auth, request=request, response=response),
        line("request", **failed),
        line("response", **failed, response={"data": {"error": SECRETS["error"]}}),
        json.dumps(
            {"type": "response", "time": SECRETS["data"], "request": {"operation": {"x": SECRETS["data"]}}}
        ).encode(),
        b'{"time": "' + SECRETS["token"].encode() + b"\n",  # torn: no entry at all
    ]


async def test_planted_secrets_are_nowhere(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log, checkpoint = tmp_path / "audit.log", tmp_path / "checkpoint.json"
    log.touch()
    reader = AuditService(Audit(logs=(log,), checkpoint=checkpoint))
    for _ in range(3):
        with log.open("ab") as file:
            file.writelines(planted())
        while reader.logs[0].step():
            pass
        reader.acknowledge(await reader.scrape())
    await eventually(checkpoint.exists, what="the checkpoint")  # a slow disk gets more time than a scrape
    log.unlink()
    log.mkdir()
    reader.logs[0].step()
    shown = "".join(render(reader.samples(), fmt).decode() for fmt in Format)
    assert 'vault_audit_events_total{event="raw_values_logged"} 6' in shown
    everything = shown + checkpoint.read_text() + "".join(capfd.readouterr())
    assert "cannot read the audit log" in everything
    assert [name for name, secret in SECRETS.items() if secret in everything] == []
