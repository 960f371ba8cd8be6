"""What the pages say of one node, from its last scrape."""

import enum
from collections.abc import Iterator
from typing import Final

import msgspec

from vault_exporter.metrics.reasons import Reason
from vault_exporter.scrape.collectors import HEALTH, LEADER
from vault_exporter.scrape.node_state import Leader, Mode, NodeState
from vault_exporter.scrape.scheduler import Outcome
from vault_exporter.scrape.scraper import TargetScraper
from vault_exporter.util.printable import printable
from vault_exporter.vault.auth.token_manager import TokenManager
from vault_exporter.vault.go import timestamp
from vault_exporter.web.status.words import REASONS, REMEDIES, duration, storage_trouble

__all__ = ["UNKNOWN", "Level", "NodeView", "view"]

UNKNOWN: Final = "unknown"
"""The mode of a node that was not scraped yet."""

_EXPECTED_SECONDS: Final = 30.0
"""Interval of scrapes to expect while Prometheus has not scraped twice: the page's own."""
_OLD: Final = 2
"""A reading is old after so many intervals."""
_CHECK: Final = "`vault-exporter check --online` says why, and what to grant."
_RENEW: Final = "Renew the certificate of its listener, and send Vault SIGHUP."
_LONGEST_ADDRESS: Final = 200
_TELLING_SECONDS: Final = 60.0
"""Shorter times in a state whose beginning nobody saw say nothing."""


class Level(enum.IntEnum):
    """How bad something is. The worst comes first."""

    BAD = 0
    WARN = 1
    IDLE = 2
    """Nothing is known."""
    OK = 3

    @property
    def css(self) -> str:
        """The class in the style sheet."""
        return self.name.lower()


class NodeView(msgspec.Struct, frozen=True):
    """One node. Texts are empty where there is nothing to say."""

    name: str
    address: str
    cluster: str
    mode: str
    level: Level
    age: str = ""
    """Time since the last scrape."""
    read: float | None = None
    """Unix time of the last scrape, in seconds."""
    old: bool = False
    """Whether the last scrape is too long ago to be trusted."""
    lasting: str = ""
    """Time in this state."""
    role: str = ""
    """A special role, such as performance standby."""
    version: str = ""
    leader: str = ""
    leader_address: str = ""
    leader_known: bool | None = None
    failure: Reason | None = None
    problem: str = ""
    """What is wrong, in plain words."""
    said: str = ""
    """Vault's own error, or the system's."""
    remedy: str = ""
    runbook: str = ""
    """Name of the runbook that helps."""
    given: int | None = None
    """Unseal keys that were given so far; None unless it is sealed with key shares."""
    needed: int = 0
    certificate: str = ""
    certificate_soon: bool = False
    login: bool = False
    """Whether the configuration has a way to log in to it."""
    token: str = ""
    token_bad: bool = False
    failing: tuple[Outcome, ...] = ()
    """Collectors that fail although the node answers."""
    storage: str = ""
    ha: bool = False
    since: float | None = None
    active_until: float | None = None

    @property
    def usual(self) -> str:
        """What is as it should be."""
        texts = ((self.certificate, self.certificate_soon), (self.token, self.token_bad))
        return ", ".join(text for text, bad in texts if text and not bad)


def view(scraper: TargetScraper, now: float) -> NodeView:
    """Make the view.

    Args:
        scraper: the target.
        now: Unix time, in seconds.
    """
    target, scrape, history = scraper.target, scraper.last, scraper.history
    if scrape is None:
        login = scraper.tokens.configured
        return NodeView(target.name, target.address, target.cluster or "", UNKNOWN, Level.IDLE, login=login)
    state, age = scrape.state, now - scrape.finished
    failing = tuple(one for one in scrape.outcomes if one.problem) if state.up else ()
    said, token, token_bad = _said(state, scrape.outcomes), *_token(scraper.tokens, state, now)
    certificate, soon = _certificate(state, now)
    given, needed = _progress(state)
    refused = scraper.tokens.remedy if token_bad else None
    trouble = _trouble(state, failing, refused, soon=soon)
    since = _since(state, history.since)
    return NodeView(
        target.name,
        target.address,
        target.cluster or state.cluster_name,
        state.mode,
        trouble.level,
        age=duration(age),
        read=scrape.finished,
        old=age > _OLD * (scraper.interval or _EXPECTED_SECONDS),
        lasting=_lasting(since, now, known=history.changed or since != history.since),
        role=_role(state),
        version=state.version,
        leader=_leader(state),
        leader_address=_address(state.leader) if state.leader is not None else "",
        leader_known=state.leader_known,
        failure=state.failure,
        problem=trouble.problem,
        said=said,
        remedy=trouble.remedy,
        runbook=trouble.runbook,
        given=given,
        needed=needed,
        certificate=certificate,
        certificate_soon=soon,
        login=scraper.tokens.configured,
        token=token,
        token_bad=token_bad,
        failing=failing,
        storage=history.storage,
        ha=state.leader is not None and state.leader.ha_enabled,
        since=since,
        active_until=history.active_until,
    )


class _Trouble(msgspec.Struct, frozen=True):
    level: Level
    problem: str = ""
    remedy: str = ""
    runbook: str = ""


def _trouble(state: NodeState, failing: tuple[Outcome, ...], refused: str | None, *, soon: bool) -> _Trouble:
    """Return the worst that is wrong.

    Args:
        state: the node's.
        failing: collectors that fail although it answers.
        refused: what to do about the exporter's token; None unless Vault refuses it.
        soon: whether the certificate ends soon.
    """
    match state.mode:
        case Mode.DOWN:
            reason = state.failure or Reason.OTHER
            runbook = "VaultStorageUnavailable" if reason is Reason.HTTP_5XX else "VaultDown"
            found = _Trouble(Level.BAD, REASONS[reason], REMEDIES.get(reason, ""), runbook)
        case Mode.UNINITIALIZED:
            found = _Trouble(Level.BAD, "it is not initialized", "Initialize a new cluster once.", "VaultUninitialized")
        case Mode.SEALED:
            found = _Trouble(Level.BAD, "it serves nothing", _unseal(state), "VaultSealed")
        case _:
            found = _warning(state, failing, refused, soon=soon)
    return found


def _warning(state: NodeState, failing: tuple[Outcome, ...], refused: str | None, *, soon: bool) -> _Trouble:
    """Return the worst that is wrong with an unsealed node. Without a problem, the details say what it is."""
    if state.leader_known is False:
        return _Trouble(Level.WARN, "it knows no active node", "Look at the other nodes.", "VaultLeaderUnknown")
    if refused is not None:
        return _Trouble(Level.WARN, remedy=refused, runbook="VaultExporterTokenInvalid")
    if failing:
        return _Trouble(Level.WARN, remedy=_CHECK, runbook="VaultCollectorFailing")
    if soon:
        return _Trouble(Level.WARN, remedy=_RENEW, runbook="VaultCertificateExpiring")
    return _Trouble(Level.OK)


def _unseal(state: NodeState) -> str:
    given, needed = _progress(state)
    if given is None:
        kind = printable(state.seal.type or "", _LONGEST_ADDRESS) if state.seal is not None else ""
        return f"It unseals by itself when its seal ({kind}) can be reached." if kind else "Unseal it."
    left = max(0, needed - given)
    return f"Unseal it with {left} {'more ' if given else ''}of its key shares."


def _progress(state: NodeState) -> tuple[int | None, int]:
    """Return the key shares that were given, and those that are needed; None unless it is sealed with key shares."""
    seal = state.seal
    if state.mode is not Mode.SEALED or seal is None or seal.type != "shamir" or not seal.t:
        return None, 0
    return int(min(max(seal.progress or 0, 0), 255)), int(min(max(seal.t, 0), 255))


def _said(state: NodeState, outcomes: tuple[Outcome, ...]) -> str:
    """Return why the node is down: an error that tells of its storage, or else the first error. Empty if it is up."""
    if state.up:
        return ""
    details = [one.detail for one in outcomes if one.name in {HEALTH.name, LEADER.name} and one.detail]
    return next(filter(storage_trouble, details), next(iter(details), ""))


def _since(state: NodeState, since: float | None) -> float | None:
    leader = state.leader
    if state.mode is Mode.ACTIVE and leader is not None and leader.is_self:
        return timestamp(leader.active_time) or since
    return since


def _lasting(since: float | None, now: float, *, known: bool) -> str:
    """Return the time in this state. If nobody saw it begin, it may be longer."""
    if since is None or (not known and now - since < _TELLING_SECONDS):
        return ""
    return duration(now - since) if known else f"at least {duration(now - since)}"


def _role(state: NodeState) -> str:
    health = state.health
    if health is None or not state.up:
        return ""
    return ", ".join(_roles(state))


def _roles(state: NodeState) -> Iterator[str]:
    if state.health is not None and state.health.performance_standby:
        yield "performance standby"
    if state.dr_secondary:
        yield "DR secondary"
    if state.health is not None and state.health.replication_performance_mode == "secondary":
        yield "performance secondary"


def _leader(state: NodeState) -> str:
    leader = state.leader
    if leader is None or not leader.ha_enabled:
        return ""
    if leader.is_self:
        return "itself"
    return _address(leader) or ("known" if state.leader_known else "none")


def _certificate(state: NodeState, now: float) -> tuple[str, bool]:
    if state.certificate is None:
        return "", False
    left = state.certificate.not_after - now
    text = "certificate has expired" if left <= 0 else f"certificate ends in {duration(left)}"
    return text, state.certificate.ends_soon(now)


def _token(tokens: TokenManager, state: NodeState, now: float) -> tuple[str, bool]:
    status = tokens.status
    if not state.serves or not state.up:
        return "", False
    if not tokens.configured or status.valid is None:
        return "", False
    if not status.valid:
        remedy = f"; {tokens.remedy}" if tokens.remedy else ""
        return f"Vault refuses the exporter's token{remedy}", True
    return f"token valid{f' for {duration(status.expires - now)}' if status.expires is not None else ''}", False


def _address(leader: Leader) -> str:
    return printable(leader.leader_address or "", _LONGEST_ADDRESS)
