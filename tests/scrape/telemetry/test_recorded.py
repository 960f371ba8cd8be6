"""Pages of a real OpenBao: all that is not left out for a reason comes out as it went in."""

import pytest

from tests.scrape.telemetry.reading import (
    PAGES,
    born_late,
    by_family,
    check,
    counts,
    families_of,
    fate,
    growing,
    lines,
    telemetry,
)
from vault_exporter.metrics.exposition import Format

every_page = pytest.mark.parametrize("recorded", PAGES.values(), ids=PAGES.keys())


def expected(page: bytes) -> tuple[list[str], tuple[int, int, dict[str, int], dict[str, int]]]:
    """Return the samples' lines and the counts of a first page without stale series."""
    out: list[str] = []
    number = {"filtered": 0, "replaced": 0, "renamed": 0}
    tracked = 0
    for name, (kind, native) in by_family(page).items():
        what = fate(name)
        if what in number:
            number[what] += len(native)
        if what == "renamed":
            out += [f"vault_{line}" for line in native]
        elif what == "kept":
            out += native
            tracked += len(growing(kind, name, native))
    dropped = {cause: number[cause] for cause in ("filtered", "replaced") if number[cause]}
    started = born_late(by_family(page))
    assert started
    out += started
    return out, (len(out), tracked, dropped, {"renamed": number["renamed"], "started": len(started)})


def test_there_are_recordings() -> None:
    assert len(PAGES) >= 8
    assert any(fate(name) == "filtered" for page in PAGES.values() for name in by_family(page))
    assert all(len(page) > 10_000 for page in PAGES.values())


@every_page
def test_a_first_page_comes_out_untouched(recorded: bytes) -> None:
    page = telemetry().repair(recorded)
    check(page)
    text, expected_counts = expected(recorded)
    assert lines(page.render(Format.TEXT)) == text
    assert counts(page) == expected_counts


@every_page
def test_the_same_page_again_comes_out_the_same(recorded: bytes) -> None:
    same = telemetry()
    first, second = same.repair(recorded), same.repair(recorded)
    for fmt in Format:
        assert first.render(fmt) == second.render(fmt)
    assert counts(first) == counts(second)


@every_page
def test_types_and_help_are_passed_on(recorded: bytes) -> None:
    metadata = [
        line.replace(f" {name} ", f" vault_{name} ", 1) if fate(name) == "renamed" else line
        for line in recorded.decode().splitlines()
        if line.startswith("#") and fate(name := line.split(" ")[2]) in {"kept", "renamed"}
    ]
    started = len({line.rpartition("_")[0] for line in born_late(by_family(recorded))})
    text = telemetry().repair(recorded).render(Format.TEXT).decode()
    assert [line for line in text.splitlines() if line.startswith("#")][: -2 * started] == metadata


@every_page
def test_the_servers_own_process_is_told_from_the_exporters(recorded: bytes) -> None:
    native = by_family(recorded)
    text = telemetry().repair(recorded).render(Format.TEXT)
    shown = by_family(text)
    assert not [name for name in shown if name.startswith(("go_", "process_", "promhttp_"))]
    for name in ("go_goroutines", "process_start_time_seconds", "process_cpu_seconds_total"):
        kind, its_lines = native[name]
        assert shown[f"vault_{name}"] == (kind, [f"vault_{line}" for line in its_lines])


@every_page
def test_the_seal_state_of_the_telemetry_is_left_out(recorded: bytes) -> None:
    assert b"\nvault_core_unsealed{" in recorded
    page = telemetry().repair(recorded)
    for fmt in Format:
        assert b"vault_core_unsealed" not in page.render(fmt)


@every_page
def test_openmetrics_says_what_each_family_is(recorded: bytes) -> None:
    shown, native_families = families_of(telemetry().repair(recorded)), by_family(recorded)
    assert "go_memstats_alloc_bytes" in native_families  # a gauge, beside the counter go_memstats_alloc_bytes_total
    for name, (kind, native) in native_families.items():
        if fate(name) in {"filtered", "replaced"}:
            continue
        published = f"vault_{name}" if fate(name) == "renamed" else name
        total = kind == "counter" and name.endswith("_total") and name.removesuffix("_total") not in native_families
        metric = shown[published.removesuffix("_total") if total else published]
        assert metric.type == ("unknown" if kind == "counter" and not total else kind.replace("untyped", "unknown"))
        assert len(metric.samples) == len(native)


@pytest.mark.parametrize("stem", ["dev", "raft-unsealed", "raft-unsealed-again"])
@pytest.mark.parametrize("first", [True, False], ids=["before", "after"])
def test_the_stale_series_of_an_active_node_is_dropped(stem: str, first: bool) -> None:  # noqa: FBT001 - a parameter
    recorded = PAGES[stem].decode()
    (labelled,) = [line for line in recorded.splitlines() if line.startswith("vault_core_active{")]
    assert 'cluster="vault-cluster-' in labelled
    stale = 'vault_core_active{cluster=""} 0'
    both = f"{stale}\n{labelled}" if first else f"{labelled}\n{stale}"
    text, (samples, tracked, dropped, repaired) = expected(recorded.encode())
    target = telemetry()
    for _ in range(2):
        page = target.repair(recorded.replace(labelled, both).encode())
        assert lines(page.render(Format.TEXT)) == text
        assert counts(page) == (samples, tracked, {**dropped, "stale": 1}, repaired)
        check(page)
    assert counts(target.repair(recorded.encode())) == (samples, tracked, dropped, repaired)


def test_a_series_without_a_cluster_is_not_stale_when_it_is_alone() -> None:
    page = telemetry().repair(
        b'# HELP vault_core_active x\n# TYPE vault_core_active gauge\nvault_core_active{cluster=""} 1\n'
    )
    assert lines(page.render(Format.TEXT)) == ['vault_core_active{cluster=""} 1']
    assert counts(page) == (1, 0, {}, {})


def test_more_can_be_left_out() -> None:
    recorded = PAGES["dev"]
    native = by_family(recorded)
    runtime = sum(len(its_lines) for name, (_, its_lines) in native.items() if name.startswith("vault_runtime_"))
    assert runtime
    page = telemetry(drop=("vault_runtime_*", "vault_core_unsealed")).repair(recorded)
    check(page)
    assert b"vault_runtime_" not in page.render(Format.TEXT)
    assert page.dropped == {
        "filtered": runtime + len(native["vault_core_unsealed"][1]),
        "stale": 0,
        "replaced": 0,
        "invalid": 0,
    }
