"""What the dashboards show of real clusters: data in every panel, true values in the headlines."""

import itertools
import json
import math
import os
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

import pytest

from tests.dashboards.dashboards import DASHBOARDS, Json, panels, queries
from tests.dashboards.stage import CERTIFICATE_EXPIRES, SCRAPE_SECONDS, WATCHER, Stage, entries, open_stage
from tests.lab.api import call
from tests.lab.bao import Bao
from tests.lab.waiting import PATIENCE, wait_until
from vault_exporter.metrics.catalogue import AUDIT_DURATION, AUDIT_ENTRIES

WAITING: Final = {
    "a node is down and another sealed": {"Members"},
    "a node is sealed": {"Alerts"},
    "a collector fails": {"Failing collectors"},
    "a node is asked over TLS": {"Certificate expires in", "Details"},
    "a cluster is on raft": {
        "Raft servers",
        "Raft quorum",
        "Raft entries behind",
        "Raft last contact",
        "Raft entries not applied",
        "Mean raft commit latency",
        "Raft storage operations",
        "Mean raft storage latency",
    },
    "a cluster is Vault Enterprise": {
        "License expires in",
        "Clients this month",
        "Connection to the primary",
        "Replication log",
        "Secondaries",
    },
    "the configuration names credentials": {
        "PKI issuers",
        "Certificates by expiry",
        "Secret-ids and tokens",
        "Static database roles",
    },
    "an event happens": {"Events", "Events that happened"},
}
"""Panels that a healthy cluster on PostgreSQL leaves without data, by what they wait for."""

RATE: Final = 4 * SCRAPE_SECONDS
"""What Grafana makes of $__rate_interval when it looks closely."""
LOOK_BACK_SECONDS: Final = 16


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with open_stage(tmp_path_factory.mktemp("stage")) as stage:
        yield stage


# As Grafana asks.


def filled_in(expr: str, *, cluster: str = ".*", window: float = RATE) -> str:
    """Put values in the place of Grafana's variables, with All for those that are not given."""
    values = {
        "$__rate_interval": f"{window:.0f}s",
        "[5m]": f"[{window:.0f}s]",
        "$__range": "60s",
        "$job": ".+",
        "$cluster": cluster,
        "$instance": ".+",
        "$vault_namespace": ".*",
    }
    for name, value in values.items():
        expr = expr.replace(name, value)
    return expr


def has_data(stage: Stage, expr: str) -> bool:
    now = time.time()
    asked = urllib.parse.urlencode(
        {"query": expr, "start": now - LOOK_BACK_SECONDS, "end": now, "step": SCRAPE_SECONDS}
    )
    url = f"{stage.prometheus.address}/api/v1/query_range?{asked}"
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:  # noqa: S310 - HTTP
        series = json.load(answer)["data"]["result"]
    return any(not math.isnan(float(value)) for one in series for _, value in one["values"])


def without_data(stage: Stage, cluster: str = ".*", only: set[str] | None = None) -> dict[str, set[str]]:
    """Panels with queries that return nothing, and these queries' letters."""
    result: dict[str, set[str]] = {}
    for uid, dashboard in DASHBOARDS.items():
        for panel, target in queries(dashboard):
            if uid == "vault-agents":
                continue  # tests/e2e/test_agents.py has real ones
            if only is not None and panel["title"] not in only:
                continue
            if not has_data(stage, filled_in(target["expr"], cluster=cluster)):
                result.setdefault(panel["title"], set()).add(target["refId"])
    return result


def panel(title: str) -> Json:
    (found,) = (panel for panel in panels(DASHBOARDS["vault-overview"]) if panel["title"] == title)
    return found


def shown(stage: Stage, title: str, letter: str = "A", cluster: str = "main", window: float = RATE) -> dict[str, float]:
    """What a panel of the overview shows now: its series by their node, cluster or name."""
    (expr,) = (target["expr"] for target in panel(title)["targets"] if target["refId"] == letter)
    values = stage.prometheus.query(filled_in(expr, cluster=cluster, window=window))
    return {
        one.labels.get("instance", one.labels.get("cluster", one.labels.get("name", ""))): one.value for one in values
    }


def test_every_query_of_a_healthy_cluster_returns_data_or_waits_for_a_reason(stage: Stage) -> None:
    # What setting up made happen may still be shown.
    events = WAITING["an event happens"]
    waiting = set().union(*WAITING.values()) - events
    wait_until(
        lambda: without_data(stage, "main").keys() - events == waiting,
        what="data in the others",
        interval=1,
    )


# Headlines. The traffic of the test is the client, and `bao` the other witness.


def test_headlines_say_what_bao_says(stage: Stage) -> None:
    said = {node.name: Bao(node.address, "")("status") for node in stage.cluster.nodes}
    assert shown(stage, "Serving") == {"main": 1}
    assert shown(stage, "Nodes") == {"": sum(not one["sealed"] for one in said.values())}
    assert shown(stage, "Nodes", "B") == {"": 0}
    assert shown(stage, "Nodes", "C") == {"": 0}
    assert {name for name, state in shown(stage, "Members").items() if state == 3} == {
        node.name for node in stage.cluster.nodes if {node.address} == {one["leader_address"] for one in said.values()}
    }
    assert shown(stage, "Failure tolerance") == {"main": len(said) - 1}
    versions = stage.prometheus.query(filled_in(panel("Members")["targets"][1]["expr"], cluster="main"))
    assert {one.labels["instance"]: one.labels["version"] for one in versions} == {
        name: one["version"] for name, one in said.items()
    }

    key = Bao(stage.cluster.leader.address, stage.cluster.root_token)("operator", "key-status")
    age = time.time() - datetime.fromisoformat(key["install_time"]).timestamp()
    assert shown(stage, "Barrier key age")["main"] == pytest.approx(age, abs=3)
    (left,) = shown(stage, "Certificate expires in", cluster="raft").values()
    assert left == pytest.approx(CERTIFICATE_EXPIRES.timestamp() - time.time(), abs=3)

    written = time.time() - 7200
    os.utime(stage.backup, (written, written))
    wait_until(lambda: shown(stage, "Backup age")["daily"] > 7000, what="the backup is seen to be old")
    assert shown(stage, "Backup age")["daily"] == pytest.approx(time.time() - written, abs=3)


def test_headlines_say_what_the_client_says(stage: Stage) -> None:
    wait_until(lambda: time.time() > stage.started + 25, what="enough traffic")
    stage.traffic.stop()
    sent = stage.traffic.sent
    assert (sent.unexpected, sent.problem) == (0, "")
    written = len(list(entries(stage.logs)))
    total = f"sum({AUDIT_ENTRIES.name})"
    wait_until(lambda: stage.prometheus.value(total) == written, what="all of the traffic is counted")
    # From before the traffic until after it; up to the ends, which are two seconds away at most, Prometheus guesses.
    seconds = math.ceil(time.time() - stage.started)
    assert shown(stage, "Requests", window=seconds)[""] * seconds == pytest.approx(sent.requests, rel=0.15)
    failed = (sent.denied + sent.failed_logins) / sent.requests
    assert shown(stage, "Error rate", window=seconds)[""] == pytest.approx(failed, rel=0.05)

    took = sorted(durations(stage.logs, stage.started))
    assert len(took) == pytest.approx(sent.requests, abs=3)  # with what `bao` asked above
    low, high = bucket(took[int(0.98 * len(took))])[0], bucket(took[-1])[1]
    assert low <= shown(stage, "Latency p99", window=seconds)[""] <= high


def durations(logs: list[Path], since: float) -> Iterator[float]:
    """Seconds from each request to its response."""
    asked: dict[str, float] = {}
    for entry in entries(logs):
        number, when = entry["request"]["id"], datetime.fromisoformat(entry["time"]).timestamp()
        if entry["type"] == "request" and when >= since:
            asked[number] = when
        elif number in asked:
            yield when - asked[number]


def bucket(value: float) -> tuple[float, float]:
    bounds = (0.0, *AUDIT_DURATION.buckets)
    return next((low, high) for low, high in itertools.pairwise(bounds) if value <= high)


# What the other panels wait for.


def test_what_panels_wait_for_is_seen_when_it_happens(stage: Stage) -> None:
    cluster = stage.cluster
    was_active = cluster.leader
    Bao(was_active.address, cluster.root_token)("operator", "seal")
    wait_until(lambda: 200 in cluster.statuses(), what="another node is active")
    active = cluster.leader
    (lost,) = (node for node in cluster.nodes if node not in (was_active, active))
    lost.kill()

    expected = {was_active.name: 1, active.name: 3, lost.name: 0}
    wait_until(
        lambda: shown(stage, "State of each node") == expected,
        what="sealed, active and down",
        interval=0.5,
    )
    assert shown(stage, "Nodes") == {"": 1}
    assert shown(stage, "Nodes", "B") == {"": 1}
    assert shown(stage, "Nodes", "C") == {"": 1}
    wait_until(lambda: shown(stage, "Firing alerts") == {"": 1}, what="the alert fires")
    assert shown(stage, "Serving") == {"main": 1}
    assert shown(stage, "Members") == expected
    assert shown(stage, "Members", "C") == {was_active.name: 0}  # key shares given
    assert shown(stage, "Members", "E").keys() == {lost.name}  # why it is down
    assert shown(stage, "Failure tolerance") == {"main": 0}

    deny(stage, "sys/in-flight-req")

    def every() -> bool:
        # Raft commits and writes when somebody writes, and an event is shown for a minute only.
        call(stage.raft.address, "POST", "auth/token/create", stage.raft_token, ttl="1m")
        call(active.address, "POST", "auth/token/create", cluster.root_token, ttl="1m")
        return without_data(stage, only=set().union(*WAITING.values())) == {}

    wait_until(every, what="every panel that waited has data", interval=1)


def deny(stage: Stage, path: str) -> None:
    """Take a right away from the exporter's token on the raft node."""
    place = f"sys/policies/acl/{WATCHER}"
    policy = call(stage.raft.address, "GET", place, stage.raft_token).body["data"]["policy"]
    rule = f'path "{path}" {{ capabilities = ["deny"] }}'
    written = call(stage.raft.address, "POST", place, stage.raft_token, policy=f"{policy}\n{rule}")
    assert written.status == 204, written
