"""The queries, by the names that the checks use.

They select by metric, not by job, since a job may have a wrong name.
"""

from typing import Final

from vault_exporter.diagnose.doctor.read.rules_in_force import JobNames
from vault_exporter.metrics import catalogue as c

__all__ = ["ALWAYS", "queries"]

ALWAYS: Final = tuple(one.name for one in (c.SEALED, c.CORE_UNSEALED, c.ACTIVE, c.COLLECTOR_SUCCESS))
"""Metrics beside ``vault_up`` that are on every scrape of a node, and that rules need."""
_RENAMED: Final = ("namespace", "instance", "job")
"""Labels of targets. Vault's own metrics have a label ``cluster``, which no rule uses, so it is not among them."""
_BEHIND_SECONDS: Final = 300


def queries(jobs: JobNames) -> dict[str, str]:
    """Return the expressions by name."""
    own = f'job=~"{jobs.quoted(jobs.node)}|{jobs.quoted(jobs.exporter)}"'
    return {
        "up": f"up{{{own}}}",
        "vault_up": c.UP.name,
        "info": f'{c.INFO.name}{{cluster_id!=""}}',
        "build": c.BUILD_INFO.name,
        **{name: f"count by (job, cluster, instance) ({name})" for name in ALWAYS},
        "native": (
            f"count by (job, cluster, instance) ({c.CORE_UNSEALED.name}) unless on (job, cluster, instance) {c.UP.name}"
        ),
        **{
            f"exported_{label}": f'count by (job, exported_{label}) ({{__name__=~"vault_.+",exported_{label}!=""}})'
            for label in _RENAMED
        },
        "expected_nodes": c.CLUSTER_EXPECTED_NODES.name,
        "ha_nodes": c.HA_NODES.name,
        "ha_node_info": c.HA_NODE_INFO.name,
        "exporter_targets": c.TARGETS.name,
        "clock_skew": c.CLOCK_SKEW.name,
        "telemetry": f"{c.TELEMETRY_STATUS.name} == 1",
        "collector_failures": f"{c.COLLECTOR_FAILURE.name} == 1",
        "collectors": f"count by (collector) ({c.COLLECTOR_SUCCESS.name})",
        "token_valid": c.TOKEN_VALID.name,
        "reload": f"{c.CONFIG_RELOAD_SUCCESSFUL.name} == 0",
        "discovery": f"{c.DISCOVERY_SUCCESS.name} == 0",
        "discovery_dropped": f"{c.DISCOVERY_DROPPED.name} > 0",
        "audit_devices": f"{c.AUDIT_DEVICES.name} > 0",
        "audit_readers": c.AUDIT_READABLE.name,
        "audit_behind": f"time() - {c.AUDIT_OLDEST_UNREAD.name} > {_BEHIND_SECONDS}",
        "backups": f"count by (job) ({c.BACKUP_FILES.name})",
        "agents": _scraped(jobs.agent, "(vault|bao)_(agent_auth|proxy)_.+"),
        "injector": _scraped(jobs.injector, "vault_agent_injector_.+"),
        "slow_scrapes": f"max_over_time(scrape_duration_seconds{{{own}}}[1h])",
    }


def _scraped(job: str, metrics: str) -> str:
    """Return an expression that has series if a job is scraped, or has metrics under whatever name."""
    return f'count (up{{job=~"{JobNames.quoted(job)}"}}) or count ({{__name__=~"{metrics}"}})'
