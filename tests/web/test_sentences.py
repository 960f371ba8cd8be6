"""The sentence of a cluster, in every state that its nodes can be in together."""

from typing import Any

import pytest

from vault_exporter.metrics.reasons import Reason
from vault_exporter.scrape.node_state import Mode
from vault_exporter.web.status.clusters import sentences
from vault_exporter.web.status.nodes import UNKNOWN, Level, NodeView
from vault_exporter.web.status.words import REASONS, clock, counted, duration, size, storage_trouble

NOW = 1_795_519_873.0


def node(name: str, mode: str, **more: Any) -> NodeView:
    level = {Mode.ACTIVE: Level.OK, Mode.STANDBY: Level.OK, UNKNOWN: Level.IDLE}.get(mode, Level.BAD)
    values = {"ha": True, "read": NOW, "level": level, "address": f"http://{name}", **more}
    return NodeView(name=name, cluster="prod", mode=mode, **values)


def down(name: str, reason: Reason = Reason.REFUSED, **more: Any) -> NodeView:
    return node(name, Mode.DOWN, failure=reason, problem=REASONS[reason], **more)


A = node("a", Mode.ACTIVE)
B = node("b", Mode.STANDBY, leader_known=True, leader_address="http://a")
C = node("c", Mode.STANDBY, leader_known=True, leader_address="http://a")
LOST = {"storage": "postgresql", "said": 'sys/health: HTTP 500: Vault says "dial tcp: connection refused"'}


@pytest.mark.parametrize(
    ("nodes", "word", "text"),
    [
        ((A, B, C), "OK", "serving, a is active, 2 standbys"),
        ((A,), "OK", "serving, a is active"),
        (
            (A, B, down("c", Reason.DNS)),
            "Warning",
            "serving, a is active, 1 standby, c is down (its host name does not resolve)",
        ),
        ((A, down("c"), down("b")), "Warning", "serving, a is active, b and c are down"),
        ((A, *map(down, "bcde")), "Warning", "serving, a is active, 4 nodes are down"),
        ((A, node("b", Mode.SEALED)), "Warning", "serving, a is active, b is sealed"),
        (
            (A, node("b", Mode.STANDBY, leader_known=False)),
            "Warning",
            "serving, a is active, 1 standby, b knows no active node",
        ),
        (
            (A, node("b", Mode.STANDBY, certificate_soon=True)),
            "Warning",
            "serving, a is active, 1 standby, the certificate ends soon on b",
        ),
        (
            (A, node("b", Mode.STANDBY, token_bad=True)),
            "Warning",
            "serving, a is active, 1 standby, Vault refuses the exporter's token on b",
        ),
        ((A, node("b", Mode.STANDBY, old=True)), "Warning", "serving, a is active, 1 node not asked lately"),
        ((A, node("b", Mode.ACTIVE)), "Outage", "two or more active nodes: a and b"),
        (
            (node("a", Mode.ACTIVE, ha=False), node("b", Mode.ACTIVE, ha=False)),
            "OK",
            "serving, a and b are active",
        ),
        ((B, C), "OK", "b and c are standbys; the active node is not watched here"),
        ((down("a"), B), "Outage", "no active node: a is down (nothing listens there), 1 standby"),
        (
            (down("a", active_until=NOW), B),
            "Outage",
            "no active node since 11:31 UTC: a is down (nothing listens there), 1 standby",
        ),
        ((down("a"), down("b")), "Outage", "none of its 2 nodes answers (nothing listens there)"),
        ((down("a", Reason.TIMEOUT), down("b")), "Outage", "none of its 2 nodes answers"),
        ((down("a"),), "Outage", "the node does not answer (nothing listens there)"),
        ((node("a", Mode.SEALED), node("b", Mode.SEALED)), "Outage", "all 2 nodes are sealed"),
        ((node("a", Mode.SEALED),), "Outage", "the node is sealed"),
        ((node("a", Mode.UNINITIALIZED),), "Outage", "not initialized"),
        (
            (down("a", Reason.HTTP_5XX, **LOST), B),
            "Outage",
            "no active node: PostgreSQL refuses connections (says Vault)",
        ),
        ((down("a", Reason.HTTP_5XX),), "Outage", "no active node: the storage is out of reach"),
        ((node("a", UNKNOWN, read=None),), "Unknown", "nobody has asked its nodes lately"),
        (
            (node("a", Mode.ACTIVE, old=True),),
            "Unknown",
            "nobody has asked its nodes lately; the last answer is of 11:31 UTC",
        ),
    ],
)
def test_sentences(nodes: tuple[NodeView, ...], word: str, text: str) -> None:
    (said,) = sentences(nodes, {}, NOW)
    assert (said.cluster, said.word, said.text) == ("prod", word, text)
    if word == "Outage":
        assert said.runbook


def test_a_warning_says_what_to_do() -> None:
    remedy, runbook = "put another one into auth.token", "VaultExporterTokenInvalid"
    (said,) = sentences((A, node("b", Mode.STANDBY, token_bad=True, remedy=remedy, runbook=runbook)), {}, NOW)
    assert (said.remedy, said.runbook) == (f"b: {remedy}", runbook)


def test_expected_nodes_and_the_order_of_clusters() -> None:
    said = sentences((A, B), {"prod": 3, "staging": 3}, NOW)
    assert [(one.cluster, one.word, one.text) for one in said] == [
        ("staging", "Outage", "no node of it is known"),
        ("prod", "Warning", "serving, a is active, 1 standby; only 2 of 3 nodes are known"),
    ]


def test_words() -> None:
    assert [duration(seconds) for seconds in (-1, 0, 119, 120, 7200, 200_000)] == [
        "0 s", "0 s", "119 s", "2 min", "2 h", "2 d",
    ]  # fmt: skip
    assert [size(count) for count in (0, 1023, 1024, 5 << 20, 1 << 60)] == [
        "0 B", "1023 B", "1.0 KiB", "5.0 MiB", "1048576.0 TiB",
    ]  # fmt: skip
    assert [counted(number, "address", "addresses") for number in (1, 2)] == ["1 address", "2 addresses"]
    assert clock(NOW - 86_400, NOW) == "2026-11-23 11:31 UTC"
    assert clock(1e300, NOW) == "?"
    assert storage_trouble("FATAL: sorry, too many clients already") == "has no connection left"
    assert storage_trouble("something else") == ""
