"""The matrix as a table for docs/fault-matrix.md."""

from collections.abc import Iterable, Mapping

from tests.faults.scaled import PATIENT, Pace
from tests.faults.trial import Outcome

PACE = Pace()
FAST, SLOW = f"{PACE.shortest} s", f"{PATIENT.shortest} s"
HEAD = f"""# Fault matrix

Written by `make faults`, not by hand. Each row is from the latest trial of its fault.

Each fault was done to a real cluster of three OpenBao nodes under ordinary load, on PostgreSQL, or on raft where the
name says so. Prometheus scraped every two seconds. A real Alertmanager with `alerts/alertmanager/alertmanager.yml`
sent its notifications to a local listener instead of PagerDuty. The times in the rules were divided by
{PACE.speed:g}, to {FAST} at least. Where leadership may move, they are {SLOW} at least: that takes as long here as
in production. Alertmanager waited 6 s for a group. A page that comes after 15 to 30 seconds here comes after 90 seconds
in production. For a fault that is "scraped each 60 s", all times were divided by four, and Prometheus scraped every
15 s.

- *Fired*: the pack's alerts, with the seconds after the fault.
- *Told*: what PagerDuty got.
- *Silenced*: what Alertmanager held back, since another alert explains it.
- *Over*: the seconds from the repair to the last resolve.
- *Three rules on plain telemetry*: what the three usual rules on the nodes' own telemetry do, `up{{job="vault"}} == 0`,
  `vault_core_unsealed == 0` and `vault_runtime_alloc_bytes > 1073741824`. *Always* is a rule that fired before the
  fault, on a healthy cluster.

"""


def matrix(outcomes: Iterable[Outcome]) -> str:
    rows = list(outcomes)
    lines = [
        "| Fault | Fired (s) | Told | Silenced | Over | Missed or false | Three rules on plain telemetry |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *map(row, rows),
    ]
    incidents = sum(outcome.incidents for outcome in rows)
    missed = sum(len(outcome.missed) for outcome in rows)
    false = sum(len(outcome.false) for outcome in rows)
    total = (
        f"\n{len(rows)} faults, {incidents} incidents, {missed} missed, {false} false. The three rules alone told "
        f"nothing new in {sum(bool(row.expected) and not any(row.plain.values()) for row in rows)} of the "
        f"{sum(bool(row.expected) for row in rows)} faults that somebody must be told of.\n"
    )
    return HEAD + "\n".join(lines) + "\n" + total


def row(outcome: Outcome) -> str:
    wrong = [f"missed: {name}" for name in sorted(outcome.missed)] + [
        f"false: {name}" for name in sorted(outcome.false)
    ]
    cells = [
        outcome.fault,
        _timed(outcome.fired),
        _timed(outcome.paged)
        + (f", {outcome.incidents} incident{'s'[: outcome.incidents != 1]}" if outcome.paged else ""),
        ", ".join(sorted(outcome.silenced)) or "-",
        f"{outcome.ended:.0f}" if outcome.paged else "-",
        ", ".join(wrong) or "none",
        _timed(outcome.plain),
    ]
    return f"| {' | '.join(cells)} |"


def _timed(seen: Mapping[str, float]) -> str:
    ordered = sorted(seen.items(), key=lambda one: one[1])
    return ", ".join(f"{name} {f'{after:.0f}' if after else 'always'}" for name, after in ordered) or "-"
