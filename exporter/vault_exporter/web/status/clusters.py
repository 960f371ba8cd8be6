"""One sentence a cluster: whether it serves, by which node, and else why not and since when."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from vault_exporter.config.schema.shard import Shard
from vault_exporter.metrics.reasons import NO_ANSWER, Reason
from vault_exporter.scrape.node_state import Mode
from vault_exporter.web.status.nodes import UNKNOWN, Level, NodeView
from vault_exporter.web.status.words import REASONS, REMEDIES, clock, counted, storage_name, storage_trouble

__all__ = ["Sentence", "of_shard", "sentences"]

_MOST_NAMED: Final = 3
"""Nodes that a sentence names; further ones are counted."""
_BAD: Final = (Mode.DOWN, Mode.SEALED, Mode.UNINITIALIZED)
_SCRAPE: Final = "Prometheus should scrape them through this exporter: look at its targets."
_NO_NAME: Final = "Vault"
"""The name of a cluster without one."""


class Sentence(msgspec.Struct, frozen=True):
    """What is said of one cluster."""

    cluster: str
    level: Level
    text: str
    remedy: str = ""
    runbook: str = ""
    key: str = ""
    """The cluster's own name; empty if it has none."""

    @property
    def word(self) -> str:
        """The level as a word."""
        return {Level.BAD: "Outage", Level.WARN: "Warning", Level.IDLE: "Unknown", Level.OK: "OK"}[self.level]


def sentences(nodes: Iterable[NodeView], expected: Mapping[str, int], now: float) -> tuple[Sentence, ...]:
    """Return a sentence for each cluster, the worst first.

    Args:
        nodes: all nodes.
        expected: the number of nodes that each cluster should have, by its name.
        now: Unix time, in seconds.
    """
    clusters: dict[str, list[NodeView]] = {name: [] for name in expected}
    for node in nodes:
        clusters.setdefault(node.cluster, []).append(node)
    said = (_sentence(name, members, expected.get(name), now) for name, members in clusters.items())
    return tuple(sorted(said, key=lambda one: (one.level, one.cluster)))


def of_shard(shard: Shard) -> Sentence:
    """Return what is said instead where the exporter scrapes only a share of the nodes."""
    text = f"this exporter scrapes shard {shard}, a share of the nodes, and does not judge clusters"
    return Sentence("", Level.IDLE, text, "Look at the dashboard for whole clusters.")


def _sentence(name: str, nodes: Sequence[NodeView], expected: int | None, now: float) -> Sentence:
    said = _state(nodes, now)
    text, level = said.text, said.level
    if expected is not None and 0 < len(nodes) < expected:
        text = f"{text}; only {len(nodes)} of {counted(expected, 'node')} are known"
        level = min(level, Level.WARN)
    return msgspec.structs.replace(said, cluster=name or _NO_NAME, key=name, text=text, level=level)


def _state(nodes: Sequence[NodeView], now: float) -> Sentence:
    fresh = [node for node in nodes if node.mode != UNKNOWN and not node.old]
    if not nodes:
        return Sentence("", Level.BAD, "no node of it is known", "Look at the discovery.", "VaultClusterMissing")
    if not fresh:
        read = max((node.read for node in nodes if node.read is not None), default=None)
        since = f"; the last answer is of {clock(read, now)}" if read is not None else ""
        return Sentence("", Level.IDLE, f"nobody has asked its nodes lately{since}", _SCRAPE)
    active = [node for node in fresh if node.mode == Mode.ACTIVE]
    unasked = len(nodes) - len(fresh)
    if len(active) > 1 and any(node.ha for node in active):
        names = _names(active)
        return Sentence("", Level.BAD, f"two or more active nodes: {names}", runbook="VaultSplitBrain")
    if active:
        return _serving(active, fresh, unasked)
    if elsewhere := _elsewhere(fresh, nodes):
        return elsewhere
    return _no_active(fresh, unasked, now)


def _serving(active: Sequence[NodeView], fresh: Sequence[NodeView], unasked: int) -> Sentence:
    bad = [node for node in fresh if node.mode in _BAD]
    blind = [node for node in fresh if node.leader_known is False]
    standbys = sum(node.mode == Mode.STANDBY for node in fresh)
    parts = [f"serving, {_names(active)} {'is' if len(active) == 1 else 'are'} active"]
    if standbys:
        parts.append(counted(standbys, "standby"))
    parts += _others(fresh)
    if blind:
        parts.append(f"{_names(blind)} {'knows' if len(blind) == 1 else 'know'} no active node")
    if unasked:
        parts.append(f"{counted(unasked, 'node')} not asked lately")
    worst = next(iter(bad or blind), None)
    if worst is not None:
        return Sentence("", Level.WARN, ", ".join(parts), _remedy(worst), worst.runbook)
    for affected, why in (
        ([node for node in fresh if node.token_bad], "Vault refuses the exporter's token"),
        ([node for node in fresh if node.failing], "collectors fail"),
        ([node for node in fresh if node.certificate_soon], "the certificate ends soon"),
    ):
        if affected:
            text = ", ".join((*parts, f"{why} on {_names(affected)}"))
            first = affected[0]
            remedy = _remedy(first) if len(affected) == 1 else f"{first.remedy[:1].upper()}{first.remedy[1:]}"
            return Sentence("", Level.WARN, text, remedy, first.runbook)
    return Sentence("", Level.WARN if unasked else Level.OK, ", ".join(parts))


def _elsewhere(fresh: Sequence[NodeView], nodes: Sequence[NodeView]) -> Sentence | None:
    """Return what to say of standbys alone, whose active node is no target here."""
    standbys = [node for node in fresh if node.mode == Mode.STANDBY]
    if not standbys or any(node.leader_known is False for node in standbys):
        return None
    known = {node.address for node in nodes}
    leaders = {node.leader_address for node in standbys if node.leader_address}
    others = sum(node.mode in _BAD for node in fresh)
    if not leaders or leaders & known or others:
        return None
    are = "is a standby" if len(standbys) == 1 else "are standbys"
    return Sentence("", Level.OK, f"{_names(standbys)} {are}; the active node is not watched here")


def _no_active(fresh: Sequence[NodeView], unasked: int, now: float) -> Sentence:
    since = max((node.active_until for node in fresh if node.active_until is not None), default=None)
    when = f" since {clock(since, now)}" if since is not None else ""
    also = f", {counted(unasked, 'node')} not asked lately" if unasked else ""
    modes = Counter(node.mode for node in fresh)
    if modes[Mode.SEALED] == len(fresh):
        progress = next((node for node in fresh if node.given), None)
        keys = f"; {progress.given} of {progress.needed} key shares given to {progress.name}" if progress else ""
        every = "the node is sealed" if len(fresh) == 1 else f"all {len(fresh)} nodes are sealed"
        return Sentence(
            "", Level.BAD, f"{every}{when}{keys}{also}", _remedy(progress or fresh[0]), "VaultClusterSealed"
        )
    if modes[Mode.UNINITIALIZED] == len(fresh):
        return Sentence("", Level.BAD, f"not initialized{also}", fresh[0].remedy, "VaultUninitialized")
    storage = [node for node in fresh if node.failure is Reason.HTTP_5XX]
    if storage:
        return Sentence(
            "",
            Level.BAD,
            f"no active node: {_storage(storage, fresh)}{when}{also}",
            REMEDIES[Reason.HTTP_5XX],
            "VaultStorageUnavailable",
        )
    if all(node.failure in NO_ANSWER for node in fresh):
        reasons = {node.failure for node in fresh if node.failure is not None}
        why = f" ({REASONS[reasons.pop()]})" if len(reasons) == 1 else ""
        who = "the node does not answer" if len(fresh) == 1 else f"none of its {len(fresh)} nodes answers"
        return Sentence("", Level.BAD, f"{who}{why}{when}{also}", fresh[0].remedy, "VaultDown")
    parts = [*_others(fresh)]
    if standbys := modes[Mode.STANDBY]:
        parts.append(counted(standbys, "standby"))
    text = f"no active node{when}: {', '.join(parts)}{also}"
    return Sentence("", Level.BAD, text, _remedy(min(fresh, key=lambda node: node.level)), "VaultNoActiveNode")


def _remedy(node: NodeView) -> str:
    return f"{node.name}: {node.remedy}" if node.remedy else ""


def _storage(down: Sequence[NodeView], fresh: Sequence[NodeView]) -> str:
    """Say what is wrong with the storage, by what Vault says."""
    kind = next((node.storage for node in fresh if node.storage), None)
    name = storage_name(kind)
    for node in down:
        if trouble := storage_trouble(node.said):
            return f"{name} {trouble} (says Vault)"
    return f"{name} is out of reach"


def _others(fresh: Sequence[NodeView]) -> Iterator[str]:
    """Name the nodes that are down, sealed and so on."""
    for mode, words in (
        (Mode.DOWN, "down"),
        (Mode.SEALED, "sealed"),
        (Mode.UNINITIALIZED, "not initialized"),
        (Mode.UNSEALED, "neither active nor standby"),
    ):
        found = [node for node in fresh if node.mode == mode]
        if found:
            why = f" ({found[0].problem})" if len(found) == 1 and mode is Mode.DOWN else ""
            yield f"{_names(found)} {'is' if len(found) == 1 else 'are'} {words}{why}"


def _names(nodes: Sequence[NodeView]) -> str:
    if len(nodes) > _MOST_NAMED:
        return counted(len(nodes), "node")
    *others, last = sorted(node.name for node in nodes)
    return f"{', '.join(others)} and {last}" if others else last
