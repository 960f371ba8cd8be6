"""Pages as the tests write and read them; nothing here comes from the code under test."""

import fnmatch
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from vault_exporter.config.schema import model
from vault_exporter.metrics.catalogue import NAMES
from vault_exporter.metrics.exposition import EOF, Format
from vault_exporter.scrape.telemetry import TelemetryPage, TelemetryRepair

RECORDED: Final = Path(__file__).parents[2] / "data" / "telemetry"
PAGES: Final = {path.stem: path.read_bytes() for path in sorted(RECORDED.glob("*.prom"))}

NONE_DROPPED: Final = {"filtered": 0, "stale": 0, "replaced": 0, "invalid": 0}
NONE_REPAIRED: Final = {"renamed": 0, "continued": 0, "held": 0, "started": 0}

BORN_LATE: Final = {
    ("vault_core_leadership_lost", "summary"): "vault_core_unsealed",
    ("vault_core_leadership_setup_failed", "summary"): "vault_core_unsealed",
    ("vault_core_step_down", "summary"): "vault_core_unsealed",
    ("vault_audit_log_request_failure", "counter"): "vault_audit_log_request",
    ("vault_audit_log_response_failure", "counter"): "vault_audit_log_response",
    ("vault_ha_rpc_client_echo_errors", "counter"): "vault_ha_rpc_client_echo",
    ("vault_ha_rpc_client_forward_errors", "counter"): "vault_ha_rpc_client_forward",
    ("vault_token_create_root", "counter"): "vault_token_",
}
"""Families that Vault has from their first event on → what names begin with of a node that would count it."""


DEFAULT: Final = model.Telemetry()


def telemetry(
    drop: tuple[str, ...] = DEFAULT.drop,
    max_tracked_series: int = DEFAULT.max_tracked_series,
    *,
    keep_prefix: bool = False,
) -> TelemetryRepair:
    settings = model.Telemetry(drop=drop, max_tracked_series=max_tracked_series, keep_prefix=keep_prefix)
    return TelemetryRepair(settings, NAMES)


def family(name: str, kind: str, *lines: str) -> str:
    return f"# HELP {name} {name}\n# TYPE {name} {kind}\n" + "".join(f"{name}{line}\n" for line in lines)


def summary(name: str, total: float, count: float, labels: str = "") -> str:
    quantile = "{" + ",".join(filter(None, [labels, 'quantile="0.5"'])) + "}"
    whole = f"{{{labels}}}" if labels else ""
    return family(name, "summary", f"{quantile} NaN", f"_sum{whole} {total:g}", f"_count{whole} {count:g}")


def lines(text: bytes) -> list[str]:
    """Return the samples' lines."""
    return [line for line in text.decode().split("\n") if line and not line.startswith("#")]


def samples_of(page: TelemetryPage) -> dict[str, float]:
    """Return series → value, having seen that each series is there once and the page can be parsed."""
    check(page)
    pairs = [line.rpartition(" ") for line in lines(page.render(Format.TEXT))]
    values = {series: float(value) for series, _, value in pairs}
    assert len(values) == len(pairs)
    return values


def families_of(page: TelemetryPage) -> dict[str, Metric]:
    """Return what is on the OpenMetrics page, by the family's name."""
    found = list(parse_openmetrics(page.render(Format.OPENMETRICS).decode() + EOF.decode()))
    assert len({metric.name for metric in found}) == len(found)
    return {metric.name: metric for metric in found}


def check(page: TelemetryPage) -> None:
    """See that both parsers accept the page, with the same samples, as many as it says, each series once."""
    text = page.render(Format.TEXT)
    assert sum(len(metric.samples) for metric in parse_text(text.decode())) == page.samples
    samples = [sample for metric in families_of(page).values() for sample in metric.samples]
    assert len(samples) == page.samples
    assert len({(sample.name, frozenset(sample.labels.items())) for sample in samples}) == page.samples
    assert sorted(lines(text)) == sorted(lines(page.render(Format.OPENMETRICS)))


def counts(page: TelemetryPage) -> tuple[int, int, dict[str, int], dict[str, int]]:
    """Return samples, tracked, what was dropped and what was repaired, the last two without zeros."""
    assert page.dropped.keys() == NONE_DROPPED.keys()
    assert page.repaired.keys() == NONE_REPAIRED.keys()
    dropped, repaired = ({cause: n for cause, n in these.items() if n} for these in (page.dropped, page.repaired))
    return page.samples, page.tracked, dropped, repaired


def by_family(page: bytes) -> dict[str, tuple[str, list[str]]]:
    """Read a page of Vault's: family → its type and its samples' lines."""
    found: dict[str, tuple[str, list[str]]] = {}
    name = ""
    for line in page.decode().splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            found[name] = (kind, [])
        elif not line.startswith("#"):
            found[name][1].append(line)
    return found


def born_late(names: Iterable[str]) -> list[str]:
    """Return the lines that say 0 for what a node with these families has not counted yet."""
    names = set(names)
    return [
        line
        for (name, kind), beside in BORN_LATE.items()
        if name not in names and any(one.startswith(beside) for one in names)
        for line in ([f"{name}_sum 0", f"{name}_count 0"] if kind == "summary" else [f"{name} 0"])
    ]


def fate(name: str) -> str:
    """Say what should become of a native family, by its name."""
    if fnmatch.fnmatchcase(name, "vault_*_job_manager_queue_length"):
        return "filtered"
    if name in NAMES:
        return "replaced"
    return "renamed" if name.startswith(("go_", "process_", "promhttp_")) else "kept"


def growing(kind: str, name: str, its_lines: list[str]) -> dict[str, list[str]]:
    """Return what is kept going of a family: labels → the lines of one counter, or of one summary's sum and count."""
    kept: dict[str, list[str]] = {}
    for line in its_lines:
        series = line.rpartition(" ")[0]
        bare, _, labels = series.partition("{")
        if kind == "counter" or (kind == "summary" and bare in {f"{name}_sum", f"{name}_count"}):
            kept.setdefault(labels, []).append(line)
    return kept
