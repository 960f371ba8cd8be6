"""The state of a node in one scrape, put together from what it says of itself.

``sys/health``, ``sys/seal-status`` and ``sys/leader`` overlap and can disagree. Here it is decided, in one place, what
the node's state is; the scheduler, the status page, ``status`` and ``check --online`` read it here, and the samples
that rules compare are made of it.
"""

import enum
import functools
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.metrics.reasons import Reason
from vault_exporter.util.printable import printable
from vault_exporter.vault.go import Time

__all__ = ["Certificate", "Health", "HealthReport", "Leader", "License", "Mode", "NodeState", "SealStatus"]

_LONGEST_SHOWN: Final = 200
_SOON_SECONDS: Final = 14 * 86_400.0
_SOON_RATIO: Final = 0.25
"""Of a certificate's life. Both as in the rule VaultCertificateExpiring (alerts/source/lifecycle.yml)."""
_ACTIVE_STATUS: Final = 200
_WITHOUT_REPLICATION: Final = frozenset({None, "", "disabled", "unsupported"})
_VERSION: Final = re.compile(r"(\d{1,9})\.(\d{1,9})")
_FIRST_WITH_REDACTION: Final = (1, 16)
"""Of Vault; OpenBao has no such setting."""


class License(msgspec.Struct, frozen=True):
    """What a node of Vault Enterprise says of its license."""

    expiry_time: str = ""


class Health(msgspec.Struct, frozen=True):
    """What ``sys/health`` says; only ``initialized`` is in every answer."""

    initialized: bool
    sealed: bool | None = None
    standby: bool | None = None
    performance_standby: bool | None = None
    replication_performance_mode: str | None = None
    replication_dr_mode: str | None = None
    server_time_utc: float | None = None
    version: str | None = None
    cluster_name: str | None = None
    cluster_id: str | None = None
    echo_duration_ms: float | None = None
    clock_skew_ms: float | None = None
    removed_from_cluster: bool | None = None
    ha_connection_healthy: bool | None = None
    license: License | None = None


class HealthReport(NamedTuple):
    """An answer of ``sys/health``."""

    status_code: int
    health: Health


class SealStatus(msgspec.Struct, frozen=True):
    """What ``sys/seal-status`` says."""

    sealed: bool
    type: str | None = None
    storage_type: str | None = None
    t: float | None = None
    n: float | None = None
    progress: float | None = None
    migration: bool | None = None
    recovery_seal: bool | None = None


class Leader(msgspec.Struct, frozen=True):
    """What ``sys/leader`` says. Without high availability only ``ha_enabled`` is there."""

    ha_enabled: bool
    is_self: bool = False
    active_time: Time | None = None
    leader_address: str | None = None
    """Empty where Vault knows none, or hides it; OpenBao leaves it out where it knows none."""
    raft_committed_index: float | None = None
    raft_applied_index: float | None = None


class Certificate(NamedTuple):
    """When the certificate of the node's listener is valid; Unix times, in seconds."""

    not_before: float
    not_after: float

    def ends_soon(self, now: float) -> bool:
        """Return whether less than two weeks, and no more than a quarter of its life, are left.

        A certificate of a day, which a service renews each few hours, is good until then.
        """
        left = self.not_after - now
        return left < _SOON_SECONDS and left <= _SOON_RATIO * (self.not_after - self.not_before)


class Mode(enum.StrEnum):
    """The state of a node as one word."""

    DOWN = "down"
    UNINITIALIZED = "uninitialized"
    SEALED = "sealed"
    ACTIVE = "active"
    STANDBY = "standby"
    UNSEALED = "unsealed"
    """Unsealed, but the node reports neither active nor standby."""


class NodeState(msgspec.Struct, frozen=True):
    """What a node reports about itself, and the reason if it is not up."""

    failure: Reason | None = None
    """Why the node is not up; None where it is.

    It is not up if it does not say how it is, or if it says so from memory and cannot reach its storage.
    """
    health: Health | None = None
    """None where the node does not say how it is."""
    status_code: int | None = None
    """HTTP status code of the health."""
    seal: SealStatus | None = None
    leader: Leader | None = None
    """None for a sealed node, too."""
    certificate: Certificate | None = None
    cluster_name: str = ""
    """What the node calls its cluster; while it is sealed or down, what it called it last."""

    @property
    def up(self) -> bool:
        """Whether the node answered with a health report and reaches its storage."""
        return self.failure is None

    @property
    def sealed(self) -> bool | None:
        """Whether the node is sealed; None where it does not say. The seal status changes first in an unseal."""
        if self.seal is not None:
            return self.seal.sealed
        return self.health.sealed if self.health is not None else None

    @property
    def active(self) -> bool:
        """Whether the node says that it is unsealed and the active node of its cluster."""
        health = self.health
        if health is None or not health.initialized or health.sealed is not False:
            return False
        if health.standby is None:
            return self.status_code == _ACTIVE_STATUS
        return not health.standby and not health.performance_standby

    @property
    def serves(self) -> bool:
        """Whether the node says in its health that it is unsealed, so that it answers calls with a token."""
        return self.health is not None and self.health.sealed is False

    @property
    def dr_secondary(self) -> bool:
        """Whether the node is one of a disaster recovery secondary, which serves next to nothing."""
        return self.health is not None and self.health.replication_dr_mode == "secondary"

    @property
    def replicates(self) -> bool:
        """Whether the node says in its health that it takes part in replication (Vault Enterprise)."""
        health = self.health
        if health is None:
            return False
        modes = (health.replication_dr_mode, health.replication_performance_mode)
        return any(mode not in _WITHOUT_REPLICATION for mode in modes)

    @property
    def leader_known(self) -> bool | None:
        """Whether the node knows an active node of its cluster; None where it does not say, or without HA.

        A listener of Vault with ``redact_addresses`` hides the address. Then it counts whether the node itself is the
        active one, and whether it says that its connection to the active one is healthy.
        """
        leader = self.leader
        if leader is None or not leader.ha_enabled:
            return None
        if leader.is_self or leader.leader_address:
            return True
        if leader.leader_address is None or not self._may_hide_addresses:
            return False
        return self.health.ha_connection_healthy if self.health is not None else None

    @property
    def _may_hide_addresses(self) -> bool:
        """Whether the node is of a version that knows ``redact_addresses``, or hides its version, too."""
        numbers = _VERSION.match(self.version)
        return not numbers or (int(numbers[1]), int(numbers[2])) >= _FIRST_WITH_REDACTION

    @property
    def version(self) -> str:
        """The version that the node runs, safe to show; empty where it does not say."""
        return printable(self.health.version or "", _LONGEST_SHOWN) if self.health is not None else ""

    @property
    def mode(self) -> Mode:
        """The state as one word."""
        health = self.health
        if not self.up or health is None:
            return Mode.DOWN
        if not health.initialized:
            return Mode.UNINITIALIZED
        if self.sealed:
            return Mode.SEALED
        if self.active:
            return Mode.ACTIVE
        return Mode.STANDBY if health.standby or health.performance_standby else Mode.UNSEALED

    def in_cluster(self, name: str) -> "NodeState":
        """Return the state with the name of the cluster, safe to show."""
        return msgspec.structs.replace(self, cluster_name=printable(name, _LONGEST_SHOWN))

    def samples(self, *, with_cluster: bool) -> Iterator[Sample]:
        """Yield the samples that are always present, since rules compare them.

        Args:
            with_cluster: give families that replace Vault's own the label that Vault gives them.
        """
        yield c.UP(self.up)
        yield from _reasons(self.failure)
        if self.status_code is not None:
            yield c.HEALTH_STATUS_CODE(self.status_code)
        if self.health is not None:
            yield c.INITIALIZED(self.health.initialized)
        yield c.SEALED(self.sealed is True)
        labels = (self.cluster_name,) if with_cluster and self.cluster_name else ()
        yield c.CORE_UNSEALED(self.sealed is False, *labels)
        yield c.ACTIVE(self.active)
        if self.leader_known is not None:
            yield c.LEADER_KNOWN(self.leader_known)


@functools.cache
def _reasons(failure: Reason | None) -> tuple[Sample, ...]:
    """Return a sample for every reason, 1 for the current one."""
    return tuple(c.UP_FAILURE_REASON(reason is failure, reason) for reason in Reason)
