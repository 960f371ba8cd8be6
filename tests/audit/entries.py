"""Lines as servers wrote them, lines made for a test, and what a pipeline says of them."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from vault_exporter.audit.count.pipeline import Observer, Pipeline, PipelineSettings
from vault_exporter.metrics.family import Family, Sample

DATA = Path(__file__).parents[1] / "data" / "audit"
LOG = "audit.log"


def recorded(name: str = "openbao.jsonl") -> list[bytes]:
    """The lines of a real server."""
    return (DATA / name).read_bytes().splitlines(keepends=True)


def classified() -> list[tuple[str, str, bytes]]:
    """Class of error, how it was provoked, line."""
    rows = [row.split(b"\t", 2) for name in ("errors.tsv", "vault.tsv") for row in recorded(name)]
    return [(kind.decode(), what.decode(), line) for kind, what, line in rows]


def line(kind: str, time: str = "2026-11-24T12:00:00Z", id_: str = "r1", **fields: Any) -> bytes:
    """An entry with what a test is about."""
    request = {"id": id_, "operation": "read", "mount_type": "kv", "mount_point": "kv/", "path": "kv/a"}
    request |= fields.pop("request", {})
    return json.dumps({"time": time, "type": kind, "request": request, **fields}).encode() + b"\n"


def fed(
    lines: Iterable[bytes], settings: PipelineSettings | None = None, observers: Iterable[Observer] = ()
) -> Pipeline:
    pipeline = Pipeline(settings or PipelineSettings(), observers)
    pipeline.feed(LOG, tuple(lines))
    return pipeline


def values(pipeline: Pipeline, family: Family) -> dict[tuple[str, ...], float]:
    """The samples of a family that are not 0, by labels."""
    return {sample.labels: sample.value for sample in of(pipeline, family) if sample.value}


def of(pipeline: Pipeline, family: Family) -> list[Sample]:
    return [sample for sample in pipeline.samples() if sample.family is family]
