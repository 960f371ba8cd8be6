"""The interface of a collector, and its result."""

import enum
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple

import msgspec

from vault_exporter.metrics.family import Sample
from vault_exporter.metrics.reasons import Reason
from vault_exporter.scrape.node_state import NodeState
from vault_exporter.scrape.telemetry.page import TelemetryPage
from vault_exporter.vault.client import Client

__all__ = ["Collector", "Grant", "Note", "Reading", "Scope", "policy"]


class Grant(NamedTuple):
    """A rule that an ACL policy must have for a collector to work."""

    path: str
    """Path as in a policy, without ``/v1/``; ``+`` matches one segment, a trailing ``*`` any suffix."""
    capabilities: tuple[str, ...] = ("read",)
    """Capabilities as in a policy, including ``sudo`` for protected paths."""

    def __str__(self) -> str:
        words = ", ".join(f'"{capability}"' for capability in self.capabilities)
        return f'path "{self.path}" {{ capabilities = [{words}] }}'


class Scope(enum.Enum):
    """The nodes on which a collector runs. On other nodes it returns no samples, which is not a failure.

    For the cluster, a standby forwards, redirects or reads the shared storage. Its response is not about itself, and
    would duplicate the series for each node.
    """

    EVERY = enum.auto()
    """Every node in every state, without a token."""
    UNSEALED = enum.auto()
    """Every unsealed node."""
    ACTIVE = enum.auto()
    """The active node of the cluster."""
    ACTIVE_DR = enum.auto()
    """As ``ACTIVE``, and also the active node of a disaster recovery secondary, which serves few endpoints."""


class Note(NamedTuple):
    """Why a collector returns less than it could, without a failure."""

    state: str
    remedy: str
    wanting: bool
    """Whether the operator must act."""


class Reading(msgspec.Struct, frozen=True):
    """The result of a collector."""

    samples: tuple[Sample, ...] = ()
    said: object = None
    """The decoded response, for the node state: one of the structs of :mod:`vault_exporter.scrape.node_state`."""
    page: TelemetryPage | None = None
    """The node's own telemetry, which is passed on."""
    note: Note | None = None


def _nothing(_: Reason) -> Iterable[Sample]:
    return ()


def _always(_: NodeState) -> bool:
    return True


class Collector(NamedTuple):
    """One area of a node, its requests and its samples.

    ``collect`` raises :class:`~vault_exporter.vault.client.VaultError` if it fails. Then its samples are those of
    ``floor``, which are always present because alert rules compare them.
    """

    name: str
    help: str
    collect: Callable[[Client], Awaitable[Iterable[Sample] | Reading]]
    floor: Callable[[Reason], Iterable[Sample]] = _nothing
    scope: Scope = Scope.ACTIVE
    grants: tuple[Grant, ...] = ()
    """The policy rules that its calls need."""
    default: bool = True
    """Whether it is enabled by default."""
    interval: float = 0.0
    """Minimum seconds between two runs. In between, a scrape returns the samples of the last success."""
    applies: Callable[[NodeState], bool] = _always
    """Whether a node in this state, as its health reports it, has the feature. Called for nodes in the scope."""
    with_token: bool = True
    """Whether calls outside ``Scope.EVERY`` carry the token, including those to public endpoints."""

    @property
    def needs_token(self) -> bool:
        """Whether it needs a login to run."""
        return self.with_token and self.scope is not Scope.EVERY


def policy(grants: Iterable[Grant]) -> tuple[Grant, ...]:
    """Merge the grants of several collectors into one sorted rule per path, to print as a policy."""
    merged: dict[str, dict[str, None]] = {}
    for path, capabilities in grants:
        merged.setdefault(path, {}).update(dict.fromkeys(capabilities))
    return tuple(Grant(path, tuple(merged[path])) for path in sorted(merged))
