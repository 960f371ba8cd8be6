"""Service level: how many requests Vault itself failed, against how many it may."""

from typing import Final

from dashboards import style
from dashboards.layout import Section
from dashboards.panels import stat, time_series
from dashboards.queries import SHOWN, Query, rate, ratio
from dashboards.style import step
from vault_exporter.metrics import catalogue as c

__all__ = ["BURN_WINDOWS", "OBJECTIVE", "SERVER_FAULTS", "slo"]

OBJECTIVE: Final = 0.999
"""Share of the requests that Vault should not fail."""
SERVER_FAULTS: Final = 'class=~"internal|sealed"'
"""Errors that are Vault's, as the alerts on burn rates have it; the other classes are what clients did wrong."""
_ANSWERED: Final = 'type="response"'
BURN_WINDOWS: Final = ("5m", "1h", "6h", "3d")
"""Windows over which the budget's use is shown: short for "now", long for "still"."""


def slo() -> Section:
    """Return availability and the use of the error budget."""
    budget = f"(1 - {OBJECTIVE})"
    kept = stat(
        "Availability in the time shown",
        f"Share of the audited requests that Vault did not fail by itself: classes internal and sealed are its "
        f"faults, denials and wrong input are not. The objective is {OBJECTIVE:.1%}. Requests that never reached Vault "
        "are in no audit log.",
        Query(f"1 - {_faults(SHOWN)}", "available"),
        unit="percentunit",
        decimals=3,
        thresholds=[step(style.BAD), step(style.WARN, OBJECTIVE), step(style.GOOD, 1 - (1 - OBJECTIVE) / 2)],
        noValue="no requests",
    )
    left = stat(
        "Error budget left",
        "Share of the failures allowed in the time shown that have not happened. Below zero: the objective was missed.",
        Query(f"1 - {_faults(SHOWN)} / {budget}", "left"),
        unit="percentunit",
        thresholds=[step(style.BAD), step(style.WARN, 0.0001), step(style.GOOD, 0.5)],
        noValue="no requests",
    )
    burn = time_series(
        "Burn rate",
        "How many times faster than allowed the error budget is used up, over windows of several lengths. 1 uses up "
        "the budget exactly; 14 over an hour uses up that of a month in two days.",
        "short",
        *(Query(f"{_faults(window)} / {budget}", window) for window in BURN_WINDOWS),
    )
    return Section("Service level", [(8, [kept, left, burn])])


def _faults(window: str) -> str:
    faults = rate(c.AUDIT_ERRORS, SERVER_FAULTS, window=window)
    return f"({ratio(f'sum({faults})', f'sum({rate(c.AUDIT_ENTRIES, _ANSWERED, window=window)})')})"
