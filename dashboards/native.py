"""Metrics that are not the exporter's own: Vault's telemetry as passed on, and Prometheus' own.

The only place where such a name is written; rules and panels are checked against it. Vault's and OpenBao's names are
the same with the default ``metrics_prefix``: https://openbao.org/docs/internals/telemetry/metrics/
"""

from dataclasses import dataclass
from typing import Final

__all__ = ["METRICS", "Native", "Summary"]


@dataclass(frozen=True, slots=True)
class Native:
    """A metric by its name on Prometheus' side; ``labels`` are those it has beside the target's."""

    name: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Summary:
    """A summary of Vault's telemetry.

    Its values are milliseconds. Its quantiles cover ten seconds and are NaN when idle, so they are of no use at the
    pace of a scrape; count and sum are.
    """

    name: str

    @property
    def count(self) -> Native:
        """How many there were."""
        return Native(f"{self.name}_count")

    @property
    def sum(self) -> Native:
        """How many milliseconds they took together."""
        return Native(f"{self.name}_sum")


SCRAPE_UP: Final = Native("up")
"""Prometheus' own: 1 if the scrape of the target worked."""

PROCESS_START_TIME: Final = Native("vault_process_start_time_seconds")

RUNTIME_ALLOC_BYTES: Final = Native("vault_runtime_alloc_bytes")
RUNTIME_NUM_GOROUTINES: Final = Native("vault_runtime_num_goroutines")
EXPIRE_NUM_LEASES: Final = Native("vault_expire_num_leases")
CORE_HANDLE_REQUEST: Final = Summary("vault_core_handle_request")
CORE_HANDLE_LOGIN_REQUEST: Final = Summary("vault_core_handle_login_request")
BARRIER_GET: Final = Summary("vault_barrier_get")
BARRIER_PUT: Final = Summary("vault_barrier_put")


def _metrics() -> tuple[Native, ...]:
    declared = tuple(globals().values())
    plain = [value for value in declared if isinstance(value, Native)]
    summaries = [value for value in declared if isinstance(value, Summary)]
    return (*plain, *(part for summary in summaries for part in (summary.count, summary.sum)))


METRICS: Final = _metrics()
"""Every metric of this file."""
