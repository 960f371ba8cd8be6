"""Service level: how many requests Vault itself failed, against how many it may."""

from typing import Final

from dashboards import style
from dashboards.layout import Section
from dashboards.panels import Panel, stat, time_series
from dashboards.queries import SHOWN, Query, rate, ratio
from dashboards.style import link, step
from vault_exporter.metrics import catalogue as c

__all__ = ["BURN_WINDOWS", "OBJECTIVE", "SERVER_FAULTS", "budget_left", "burn_rate", "slo"]

OBJECTIVE: Final = 0.999
"""Share of the requests that Vault should not fail."""
SERVER_FAULTS: Final = 'class=~"internal|sealed"'
"""Errors that are Vault's, as the alerts on burn rates have it; the other classes are what clients did wrong."""
_ANSWERED: Final = 'type="response"'
_BUDGET: Final = f"(1 - {OBJECTIVE})"
BURN_WINDOWS: Final = ("5m", "1h", "6h", "3d")
"""Windows over which the budget's use is shown: short for "now", long for "still"."""


def slo() -> Section:
    """Return availability and the use of the error budget."""
    kept = stat(
        "Availability in the time shown",
        f"Share of the audited requests that Vault did not fail by itself: classes internal and sealed are its "
        f"faults, denials and wrong input are not. The objective is {OBJECTIVE:.1%}. Requests that never reached Vault "
        "are in no audit log.",
        Query(f"1 - {_faults(SHOWN)}", "available"),
        unit="percentunit",
        decimals=3,
        thresholds=[step(style.BAD), step(style.WARN, OBJECTIVE), step(style.GOOD, 1 - (1 - OBJECTIVE) / 2)],
        nothing="no requests",
    )
    return Section("Service level", [(9, [kept, budget_left(), burn_rate()])])


def budget_left() -> Panel:
    """Return how much of the error budget of the time shown is left."""
    return stat(
        "SLO budget",
        "Error budget that is left: share of the failures allowed in the time shown that have not happened. Below "
        "zero: the objective was missed. "
        "Requests that never reached Vault are in no audit log.",
        Query(f"1 - {_faults(SHOWN)} / {_BUDGET}", "left"),
        unit="percentunit",
        decimals=0,
        # Not green: requests that never reached Vault are missing here, and an outage is mostly those.
        thresholds=[step(style.BAD), step(style.WARN, 0.0001), step(style.NEUTRAL, 0.5)],
        nothing="no requests",
        links=[link("Audit and security", "vault-audit")],
    )


def burn_rate() -> Panel:
    """Return how fast the error budget is used up."""
    return time_series(
        "Burn rate",
        "How many times faster than allowed the error budget is used up, over windows of several lengths. 1 uses up "
        "the budget exactly; 14 over an hour uses up that of a month in two days.",
        "short",
        *(Query(f"{_faults(window)} / {_BUDGET}", window) for window in BURN_WINDOWS),
    )


def _faults(window: str) -> str:
    faults = rate(c.AUDIT_ERRORS, SERVER_FAULTS, window=window)
    return f"({ratio(f'sum({faults})', f'sum({rate(c.AUDIT_ENTRIES, _ANSWERED, window=window)})')})"
