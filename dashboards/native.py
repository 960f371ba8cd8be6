"""Metrics that are not the exporter's own: Vault's telemetry as passed on, and Prometheus' own.

The only place where such a name is written; rules and panels are checked against it. Vault's and OpenBao's names are
the same with the default ``metrics_prefix``: https://openbao.org/docs/internals/telemetry/metrics/
"""

from dataclasses import dataclass
from typing import Final

__all__ = ["METRICS", "Native", "Summary"]


@dataclass(frozen=True, slots=True)
class Native:
    """A metric by its name on Prometheus' side; ``labels`` are those it has beside the target's.

    ``counter`` is for those that only grow, since Vault's names do not tell.
    """

    name: str
    labels: tuple[str, ...] = ()
    counter: bool = False


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
        return Native(f"{self.name}_count", counter=True)

    @property
    def sum(self) -> Native:
        """How many milliseconds they took together."""
        return Native(f"{self.name}_sum", counter=True)


# Prometheus' own.

SCRAPE_UP: Final = Native("up")
"""1 if the scrape of the target worked."""
SCRAPE_DURATION: Final = Native("scrape_duration_seconds")
SCRAPE_SAMPLES: Final = Native("scrape_samples_scraped")
ALERTS: Final = Native("ALERTS", ("alertname", "alertstate", "severity", "category"))
"""1 for each alert that is pending or firing, with the labels that its rule gives it."""

ALERTS_SINCE: Final = Native("ALERTS_FOR_STATE", ("alertname", "severity", "category"))
"""Unix time at which each alert became pending, in seconds."""

# The exporter's process, as Python's client library has it.

PROCESS_CPU: Final = Native("process_cpu_seconds_total", counter=True)
PROCESS_MEMORY: Final = Native("process_resident_memory_bytes")
GO_MEMORY: Final = Native("go_memstats_sys_bytes")
"""Only of programs in Go."""
PROCESS_OPEN_FDS: Final = Native("process_open_fds")
PROCESS_MAX_FDS: Final = Native("process_max_fds")

# Vault's process, as the exporter passes it on.

VAULT_PROCESS_CPU: Final = Native("vault_process_cpu_seconds_total", counter=True)
VAULT_PROCESS_MEMORY: Final = Native("vault_process_resident_memory_bytes")
VAULT_PROCESS_OPEN_FDS: Final = Native("vault_process_open_fds")
VAULT_PROCESS_MAX_FDS: Final = Native("vault_process_max_fds")
PROCESS_START_TIME: Final = Native("vault_process_start_time_seconds")
VAULT_GC_DURATION_SUM: Final = Native("vault_go_gc_duration_seconds_sum", counter=True)
RUNTIME_ALLOC_BYTES: Final = Native("vault_runtime_alloc_bytes")
RUNTIME_SYS_BYTES: Final = Native("vault_runtime_sys_bytes")
RUNTIME_HEAP_OBJECTS: Final = Native("vault_runtime_heap_objects")
RUNTIME_NUM_GOROUTINES: Final = Native("vault_runtime_num_goroutines")

# Requests.

CORE_HANDLE_REQUEST: Final = Summary("vault_core_handle_request")
CORE_HANDLE_LOGIN_REQUEST: Final = Summary("vault_core_handle_login_request")
QUOTA_RATE_LIMIT_VIOLATION: Final = Native("vault_quota_rate_limit_violation", ("name",), counter=True)
CORE_RESPONSE_STATUS_CODE: Final = Native("vault_core_response_status_code", ("code", "type"), counter=True)
SEAL_ENCRYPT_ERROR: Final = Native("vault_seal_encrypt_error", counter=True)
SEAL_DECRYPT_ERROR: Final = Native("vault_seal_decrypt_error", counter=True)
CORE_CHECK_TOKEN: Final = Summary("vault_core_check_token")
CORE_IN_FLIGHT: Final = Native("vault_core_in_flight_requests")
AUDIT_LOG_REQUEST: Final = Summary("vault_audit_log_request")
AUDIT_LOG_RESPONSE: Final = Summary("vault_audit_log_response")
AUDIT_LOG_REQUEST_FAILURE: Final = Native("vault_audit_log_request_failure", counter=True)
"""Grows when every audit device failed."""
AUDIT_LOG_RESPONSE_FAILURE: Final = Native("vault_audit_log_response_failure", counter=True)

# Storage.

BARRIER_GET: Final = Summary("vault_barrier_get")
BARRIER_PUT: Final = Summary("vault_barrier_put")
BARRIER_DELETE: Final = Summary("vault_barrier_delete")
BARRIER_LIST: Final = Summary("vault_barrier_list")
CACHE_HIT: Final = Native("vault_cache_hit", counter=True)
CACHE_MISS: Final = Native("vault_cache_miss", counter=True)
POSTGRES_GET: Final = Summary("vault_postgres_get")
POSTGRES_PUT: Final = Summary("vault_postgres_put")
POSTGRES_DELETE: Final = Summary("vault_postgres_delete")
POSTGRES_LIST: Final = Summary("vault_postgres_list")
RAFT_STORAGE_GET: Final = Summary("vault_raft_storage_get")
RAFT_STORAGE_PUT: Final = Summary("vault_raft_storage_put")
RAFT_COMMIT_TIME: Final = Summary("vault_raft_commitTime")
RAFT_APPLY: Final = Native("vault_raft_apply", counter=True)
HA_ECHO: Final = Summary("vault_ha_rpc_client_echo")

# Leases and tokens.

EXPIRE_NUM_LEASES: Final = Native("vault_expire_num_leases")

# The injector of Vault Agents, vault-k8s 1.6 or newer, as Prometheus scrapes it.

INJECTIONS: Final = Native(
    "vault_agent_injector_injections_by_namespace_total", ("namespace", "injection_type"), counter=True
)
FAILED_INJECTIONS: Final = Native(
    "vault_agent_injector_failed_injections_by_namespace_total", ("namespace",), counter=True
)
INJECTOR_QUEUE: Final = Native("vault_agent_injector_request_queue_length")
INJECTOR_DURATION_BUCKET: Final = Native(
    "vault_agent_injector_request_processing_duration_ms_bucket", ("le",), counter=True
)
"""Milliseconds."""
PROCESS_STARTED: Final = Native("process_start_time_seconds")
"""Of whatever is scraped."""

# Vault Agents and proxies, as Prometheus scrapes them. An OpenBao agent has a prefix of its own; proxies have none, and
# share the agent's names of what they pass on. https://openbao.org/docs/agent-and-proxy/agent/#metrics

_AGENTS: Final = ("vault_agent", "bao_agent")
_AGENTS_AND_PROXIES: Final = (*_AGENTS, "vault_proxy")
AGENT_LOGINS: Final = tuple(Native(f"{who}_auth_success", counter=True) for who in _AGENTS_AND_PROXIES)
"""Logins, and renewals of the token; absent before the first."""
AGENT_LOGIN_FAILURES: Final = tuple(Native(f"{who}_auth_failure", counter=True) for who in _AGENTS_AND_PROXIES)
AGENT_CACHE_HITS: Final = tuple(Native(f"{who}_cache_hit", counter=True) for who in _AGENTS)
AGENT_CACHE_MISSES: Final = tuple(Native(f"{who}_cache_miss", counter=True) for who in _AGENTS)
AGENT_REQUESTS: Final = tuple(Native(f"{who}_proxy_success", counter=True) for who in _AGENTS)
"""Requests of applications that Vault answered."""
AGENT_CLIENT_ERRORS: Final = tuple(Native(f"{who}_proxy_client_error", counter=True) for who in _AGENTS)
"""Those that Vault refused."""
AGENT_ERRORS: Final = tuple(Native(f"{who}_proxy_error", counter=True) for who in _AGENTS)
"""Those that got no answer of Vault."""


def _metrics() -> tuple[Native, ...]:
    declared = tuple(globals().values())
    plain = [value for value in declared if isinstance(value, Native)]
    summaries = [value for value in declared if isinstance(value, Summary)]
    several = [one for value in declared if isinstance(value, tuple) for one in value if isinstance(one, Native)]
    return (*plain, *several, *(part for summary in summaries for part in (summary.count, summary.sum)))


METRICS: Final = _metrics()
"""Every metric of this file."""
