"""Try one fault: who fired, who was told, what was silenced, and how it ended."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from tests.faults.faults import Fault
from tests.faults.lab import GROUP_WAIT, Lab, monotonic
from tests.lab.pagerduty import Post
from vault_exporter.demo.process import ServiceError, wait_until
from vault_exporter.demo.prometheus import Prometheus

Json = dict[str, Any]

PATIENCE: Final = 150
"""Seconds to wait for what must come."""


class Outcome(msgspec.Struct):
    """What was seen; times are seconds since the fault."""

    fault: str
    expected: frozenset[str]
    fired: dict[str, float] = {}
    """Our alerts, those of severity info left out."""
    paged: dict[str, float] = {}
    """Alerts that PagerDuty got an incident of."""
    incidents: int = 0
    silenced: set[str] = set()
    ended: float = 0.0
    """When the last incident was resolved, since the fault was undone."""
    plain: dict[str, float] = {}
    """The three rules as first written; 0 for one that fired before the fault."""
    events: list[Json] = []

    @property
    def missed(self) -> frozenset[str]:
        return self.expected - self.paged.keys()

    @property
    def false(self) -> frozenset[str]:
        return frozenset(self.paged) - self.expected


def quiet(lab: Lab) -> bool:
    """Whether nothing of ours fires and every incident is resolved."""
    return not _firing(lab.prometheus) and not _open(lab.recorder.pages())


def run(lab: Lab, fault: Fault) -> Outcome:
    """Wait until all is quiet, do it, see who is told, undo it, and wait until it is over."""
    wait_until(lambda: quiet(lab), timeout=2 * PATIENCE, what=f"quiet before: {fault.name}", interval=1)
    outcome = Outcome(fault.name, fault.pages, plain=dict.fromkeys(_firing(lab.plain), 0.0))
    settle = fault.pace.shortest + GROUP_WAIT
    """Seconds to go on looking for what must not come: the shortest wait of a rule, and Alertmanager's."""
    before = len(lab.recorder.posts)
    if fault.literals or fault.pace != lab.pace:
        lab.pace = fault.pace
        lab.literals.update(fault.literals)
        lab.write_rules()
    fault.prepare(lab)
    started = monotonic()
    fault.inject(lab)

    def looked_until(seconds: float) -> bool:
        fault.tick(lab)
        _look(lab, outcome, before, started)
        return monotonic() - started > seconds

    wait_until(
        lambda: (
            looked_until(PATIENCE)
            or (bool(fault.pages) and not outcome.missed and looked_until(0))
            or (not fault.pages and looked_until(settle))
        ),
        timeout=PATIENCE + 30,
        what="pages",
        interval=1,
    )
    told = monotonic() - started
    wait_until(lambda: looked_until(told + settle), timeout=2 * settle + 30, what="no other pages", interval=1)

    undone = monotonic()
    fault.heal(lab)
    for literal in fault.literals:
        del lab.literals[literal]
    if fault.literals:
        lab.write_rules()

    def over() -> bool:
        _look(lab, outcome, before, started)
        return quiet(lab)

    try:
        wait_until(over, timeout=2 * PATIENCE, what=f"the end of: {fault.name}", interval=1)
    except ServiceError as error:
        left = _firing(lab.prometheus) or "nothing"
        raise ServiceError(f"{error}; {left} fires, {len(_open(lab.recorder.pages()))} incidents are open") from None
    outcome.ended = monotonic() - undone
    outcome.events = [post.body for post in lab.recorder.pages(before)]
    outcome.incidents = len({event["dedup_key"] for event in outcome.events})
    return outcome


def _look(lab: Lab, outcome: Outcome, before: int, started: float) -> None:
    now = monotonic() - started
    for name in _firing(lab.prometheus):
        outcome.fired.setdefault(name, now)
    for name in _firing(lab.plain):
        outcome.plain.setdefault(name, now)
    for post in lab.recorder.pages(before):
        if post.body["event_action"] == "trigger":
            outcome.paged.setdefault(post.body["payload"]["class"], post.at - started)
    outcome.silenced |= {
        alert["labels"]["alertname"] for alert in lab.alertmanager.alerts() if alert["status"]["state"] == "suppressed"
    }


def _firing(prometheus: Prometheus) -> set[str]:
    try:
        found = prometheus.query('ALERTS{alertstate="firing",severity!="info"}')
    except ServiceError:
        return set()
    return {value.labels["alertname"] for value in found}


def _open(pages: Iterable[Post]) -> set[str]:
    """Incidents that were not resolved, but for those that a person closes."""
    state = {post.body["dedup_key"]: post.body for post in pages}
    return {key for key, body in state.items() if body["event_action"] == "trigger" and not is_of_an_event(body)}


def is_of_an_event(page: Mapping[str, Any]) -> bool:
    """Whether the incident stays open until a person closes it."""
    told: str = page.get("client_url", "")
    return told.endswith("receiver=vault-security-events")
