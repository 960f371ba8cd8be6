"""Detect the prefixes of a node's metric names: ``vault_``, its ``metrics_prefix``, and host names in gauges.

``metrics_prefix`` in Vault's ``telemetry`` block replaces ``vault``. With a second sink beside Prometheus (statsd,
dogstatsd, circonus, stackdriver) and without ``disable_hostname``, go-metrics adds the host name to the names of
gauges only: ``vault_ip_10_0_0_1_core_unsealed`` beside ``vault_core_check_token``. So a page has two prefixes. They are
detected from names that every Vault and OpenBao has.
https://developer.hashicorp.com/vault/docs/configuration/telemetry
"""

from collections import Counter
from collections.abc import Iterable
from typing import Final, NamedTuple

__all__ = ["USUAL", "Naming", "find_naming"]

PREFIX: Final = b"vault_"

# Metrics of the server's process. Unrenamed, they would look like the exporter's own.
PROCESS: Final = (b"go_", b"process_", b"promhttp_", b"python_")

_GAUGE: Final = b"gauge"
_GAUGES: Final = (
    *(b"core_active", b"core_in_flight_requests", b"core_locked_users", b"core_unsealed"),
    *(b"core_mount_table_num_entries", b"core_mount_table_size"),
    *(b"expire_num_irrevocable_leases", b"expire_num_leases"),
    *(b"runtime_alloc_bytes", b"runtime_free_count", b"runtime_heap_objects", b"runtime_malloc_count"),
    *(b"runtime_num_goroutines", b"runtime_sys_bytes", b"runtime_total_gc_pause_ns", b"runtime_total_gc_runs"),
)
_OTHERS: Final = (
    *(b"audit_log_request", b"audit_log_response"),
    *(b"barrier_delete", b"barrier_get", b"barrier_list", b"barrier_put"),
    *(b"cache_hit", b"cache_miss", b"cache_write"),
    *(b"core_check_token", b"core_handle_login_request", b"core_handle_request"),
    *(b"core_post_unseal", b"core_pre_seal", b"core_unseal"),
    *(b"expire_renew", b"expire_revoke", b"policy_get_policy", b"runtime_gc_pause_ns"),
    *(b"token_create", b"token_creation", b"token_lookup", b"token_store"),
)
"""Names that every running Vault has, with any storage and version. A filter in Vault may drop some."""


class Naming(NamedTuple):
    """The prefixes of metric names, with their trailing underscore."""

    gauges: bytes
    others: bytes

    def canonical(self, name: bytes, kind: bytes) -> bytes:
        """Return the name that a Vault without ``metrics_prefix`` and host names uses."""
        prefixes = (self.gauges, self.others) if kind == _GAUGE else (self.others,)
        for prefix in prefixes:
            if name.startswith(prefix):
                return PREFIX + name[len(prefix) :]
        return name


USUAL: Final = Naming(PREFIX, PREFIX)
"""The prefixes of a Vault with default settings."""


def find_naming(families: Iterable[tuple[bytes, bytes]], before: Naming) -> Naming | None:
    """Detect the prefixes of a page.

    Args:
        families: name and type of each.
        before: the prefixes of the last page.

    Returns:
        the prefixes; None if no family is known.
    """
    gauges: Counter[bytes] = Counter()
    others: Counter[bytes] = Counter()
    growing = []
    usual = False
    for name, kind in families:
        usual = usual or name.startswith(PREFIX)
        known, votes = (_GAUGES, gauges) if kind == _GAUGE else (_OTHERS, others)
        if kind != _GAUGE:
            growing.append(name)
        if name.endswith(known):
            end = next(end for end in known if name.endswith(end))
            if name[: -len(end)].endswith(b"_"):
                votes[name[: -len(end)]] += 1
    of_gauges, of_others = _most(gauges), _most(others)
    if not of_gauges and not of_others:
        return USUAL if usual else None
    if not of_gauges:
        return Naming(before.gauges if before.others == of_others else of_others, of_others)
    if not of_others:
        told_apart = before.gauges == of_gauges != before.others
        of_others = before.others if told_apart else _shared(of_gauges, growing)
    return Naming(of_gauges, of_others)


def _most(votes: Counter[bytes]) -> bytes:
    return votes.most_common(1)[0][0] if votes else b""


def _shared(of_gauges: bytes, growing: Iterable[bytes]) -> bytes:
    """Return the part of the gauges' prefix that other families share, which is the prefix without the host name."""
    shared, first = of_gauges, of_gauges[: of_gauges.index(b"_") + 1]
    for name in growing if first not in PROCESS else ():
        while name.startswith(first) and not name.startswith(shared):
            shared = shared[: shared.rindex(b"_", 0, -1) + 1]
    return shared
