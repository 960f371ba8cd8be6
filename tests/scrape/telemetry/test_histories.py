"""Random histories of several series: what is published only grows, and is the sum of what happened."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scrape.telemetry.reading import counts, family, samples_of, telemetry
from vault_exporter.scrape.telemetry import TelemetryPage

AWAY: Final = None
COUNTERS: Final = ('vault_c{m="a"}', 'vault_c{m="b"}', "vault_d_total")
SUMMARIES: Final = {"vault_s": ("0.5",), "vault_t": ("0.5", "0.9", "0.99")}
"""Their names and quantiles."""

Durations = tuple[int, ...]
"""What was observed since the last scrape, in units that float64 adds up exactly."""

durations = st.lists(st.integers(0, 50), max_size=4).map(tuple)
step = st.one_of(st.none(), durations)
steps = st.lists(st.tuples(*[step] * (len(COUNTERS) + len(SUMMARIES))), min_size=1, max_size=12)


@dataclass
class Series:
    """One of Vault's counters or summaries, and all that ever happened to it."""

    raw: Durations | None = AWAY
    ever: Durations = ()
    seen: bool = False
    returned: bool = False
    was_away: bool = field(default=False, repr=False)

    def pass_time(self, happened: Durations | None) -> None:
        """Expire, or observe; a series that is away comes with its first event."""
        if happened is None:
            self.was_away |= self.seen
            self.raw = AWAY
        elif self.raw is not None or happened:
            self.returned |= self.was_away
            self.raw = (self.raw or ()) + happened
            self.ever += happened
            self.seen = True


def page_of(series: dict[str, Series]) -> bytes:
    blocks = [family("vault_g", "gauge", " 7")]
    counters: dict[str, list[str]] = {}
    for name, one in series.items():
        if one.raw is not None and name in SUMMARIES:
            raw = one.raw
            quantiles = [f'{{quantile="{quantile}"}} NaN' for quantile in SUMMARIES[name]]
            blocks.append(family(name, "summary", *quantiles, f"_sum {sum(raw)}", f"_count {len(raw)}"))
        elif one.raw is not None:
            bare, brace, labels = name.partition("{")
            counters.setdefault(bare, []).append(f"{brace}{labels} {len(one.raw)}")
    blocks += [family(name, "counter", *its_lines) for name, its_lines in counters.items()]
    return "".join(blocks).encode()


def published(series: dict[str, Series]) -> dict[str, float]:
    shown = {"vault_g": 7.0}
    for name, one in series.items():
        if not one.seen:
            continue
        if name in SUMMARIES:
            shown |= {f"{name}_sum": sum(one.ever), f"{name}_count": len(one.ever)}
            if one.raw is not None:
                shown |= {f'{name}{{quantile="{quantile}"}}': float("nan") for quantile in SUMMARIES[name]}
        else:
            shown[name] = len(one.ever)
    return shown


def same(one: dict[str, float], other: dict[str, float]) -> bool:
    return repr(sorted(one.items())) == repr(sorted((series, float(value)) for series, value in other.items()))


def see_counts(page: TelemetryPage, series: dict[str, Series]) -> None:
    weight = {name: 2 if name in SUMMARIES else 1 for name in series}
    held = sum(weight[name] for name, one in series.items() if one.seen and one.raw is None)
    continued = sum(weight[name] for name, one in series.items() if one.returned and one.raw is not None)
    repaired = {cause: n for cause, n in (("continued", continued), ("held", held)) if n}
    assert counts(page) == (len(published(series)), sum(one.seen for one in series.values()), {}, repaired)


@settings(max_examples=150)
@given(steps)
def test_all_that_happened_is_published(history: Sequence[tuple[Durations | None, ...]]) -> None:
    target = telemetry()
    series = {name: Series() for name in (*COUNTERS, *SUMMARIES)}
    before: dict[str, float] = {}
    for happened in history:
        for one, what in zip(series.values(), happened, strict=True):
            one.pass_time(what)
        page = target.repair(page_of(series))
        shown = samples_of(page)
        assert same(shown, published(series))
        see_counts(page, series)
        assert all(shown[name] >= value for name, value in before.items())
        before = {name: value for name, value in shown.items() if "quantile" not in name}


@settings(max_examples=50)
@given(steps, steps)
def test_a_restart_of_vault_cuts_the_history_in_two(
    first: Sequence[tuple[Durations | None, ...]], second: Sequence[tuple[Durations | None, ...]]
) -> None:
    target = telemetry()
    for started, history in ((1_000, first), (2_000, second)):
        series = {name: Series() for name in (*COUNTERS, *SUMMARIES)}
        process = family("process_start_time_seconds", "gauge", f" {started}").encode()
        for happened in history:
            for one, what in zip(series.values(), happened, strict=True):
                one.pass_time(what)
            shown = samples_of(target.repair(process + page_of(series)))
            assert same(shown, published(series) | {"vault_process_start_time_seconds": started})


@settings(max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=20))
def test_a_counter_that_expires_between_two_scrapes_only_grows(history: Sequence[tuple[int, bool]]) -> None:
    target, raw, ever, before = telemetry(), 0, 0, 0.0
    for events, expires in history:
        if expires:
            raw = 0
        raw, ever = raw + events, ever + events
        shown = samples_of(target.repair(family("vault_c", "counter", f" {raw}").encode()))["vault_c"]
        assert before <= shown <= ever  # it may have come back as high as it was: no page could tell
        before = shown
