"""A real OpenBao with a short retention: series expire between the first and the second page, and come back."""

from tests.scrape.telemetry.reading import PAGES, by_family, check, fate, growing, samples_of, telemetry
from vault_exporter.metrics.exposition import Format

FIRST, SECOND, THIRD = (PAGES[f"expiry-{place}"] for place in (1, 2, 3))


def kept_going(page: bytes) -> dict[tuple[str, str], dict[str, float]]:
    """Return family and labels → series → value, of Vault's counters and summaries."""
    return {
        (name, labels): {series: float(value) for series, _, value in (line.rpartition(" ") for line in its_lines)}
        for name, (kind, native) in by_family(page).items()
        if fate(name) == "kept"
        for labels, its_lines in growing(kind, name, native).items()
    }


def went_back(before: dict[str, float], now: dict[str, float]) -> bool:
    return any(now[series] < value for series, value in before.items())


def test_what_the_recordings_show() -> None:
    first, second, third = map(kept_going, (FIRST, SECOND, THIRD))
    assert len(first.keys() - second.keys()) > 5
    assert (first.keys() - second.keys()) & third.keys()
    put = ("vault_barrier_put", "")
    assert first[put]["vault_barrier_put_count"] == 3
    assert third[put]["vault_barrier_put_count"] == 2


def test_series_go_on_across_their_expiry() -> None:
    target = telemetry()
    reached: dict[str, float] = {}
    last: dict[tuple[str, str], dict[str, float]] = {}
    known: set[tuple[str, str]] = set()
    for recorded in (FIRST, SECOND, THIRD):
        page = target.repair(recorded)
        shown, native = samples_of(page), kept_going(recorded)
        held = continued = 0
        for group in known | native.keys():
            now, before = native.get(group), last.get(group)
            if before is not None and (now is None or went_back(before, now)):
                for series, value in before.items():
                    reached[series] = reached.get(series, 0) + value
            for series in now or [series for series in reached if belongs(series, group)]:
                value = (now or {}).get(series, 0.0) + reached.get(series, 0)
                assert shown[series] == value, series
                held += now is None
                continued += now is not None and series in reached
        last = native
        known |= native.keys()
        assert (page.repaired["held"], page.repaired["continued"]) == (held, continued)
        assert page.tracked == len(known)
    assert shown["vault_barrier_put_count"] == 5
    assert page.repaired["continued"] > 5


def belongs(series: str, group: tuple[str, str]) -> bool:
    bare, _, labels = series.partition("{")
    return bare in {group[0], f"{group[0]}_sum", f"{group[0]}_count"} and labels == group[1]


def test_quantiles_are_not_held() -> None:
    target = telemetry()
    target.repair(FIRST)
    shown = samples_of(target.repair(SECOND))
    vanished = by_family(FIRST).keys() - by_family(SECOND).keys()
    kinds = {by_family(FIRST)[name][0] for name in vanished}
    assert kinds == {"counter", "summary"}
    for name in vanished:
        for line in by_family(FIRST)[name][1]:
            series = line.rpartition(" ")[0]
            assert (series in shown) == ("quantile=" not in series), series


def test_a_restart_between_the_pages_starts_anew() -> None:
    target = telemetry()
    target.repair(FIRST)
    started = b"\nprocess_start_time_seconds 1.79552367427e+09\n"
    assert started in THIRD
    page = target.repair(THIRD.replace(started, b"\nprocess_start_time_seconds 1.79552399999e+09\n"))
    check(page)
    assert page.repaired["held"] == page.repaired["continued"] == 0
    assert b"\nvault_barrier_put_count 2\n" in page.render(Format.TEXT)
    assert page.tracked == len(kept_going(THIRD))
