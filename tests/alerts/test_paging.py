"""From a firing alert to PagerDuty: each Alertmanager that is there has our configuration, and tells a listener."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.lab.alertmanager import Alertmanager, Json
from tests.lab.merged import merged
from tests.lab.pagerduty import Recorder, recording
from tests.lab.tools import versions
from tests.lab.waiting import wait_until

CATEGORIES = {
    "VaultHighMemoryUsage": "saturation",
    "VaultRootTokenUsed": "security",
    "VaultUserLocked": "security",
    "VaultCollectorFailing": "meta",
    "VaultWatchdog": "meta",
    "VaultInhibitor": "inhibition",
}
PROGRAMS = versions("prometheus-alertmanager")
"""The installed one, and those that `make tools` fetched: 0.25, 0.28 and 0.33 in late 2026."""


@pytest.fixture(scope="module", params=list(PROGRAMS.values()), ids=list(PROGRAMS))
def program(request: pytest.FixtureRequest) -> str:
    path: str = request.param
    return path


@pytest.fixture(scope="module")
def alertmanager(program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alertmanager]:
    folder = tmp_path_factory.mktemp("alertmanager")
    with recording() as recorder, Alertmanager(folder, recorder, program=program) as running:
        yield running


def _alert(
    name: str,
    cluster: str,
    instance: str,
    *,
    severity: str = "critical",
    ended: bool = False,
    nodes: str = "",
    **more: str,
) -> Json:
    """Return an alert as Prometheus sends it; ``nodes`` is an annotation, ``more`` are labels."""
    now = datetime.now(UTC)
    return {
        "labels": {
            "alertname": name,
            "severity": severity,
            "category": CATEGORIES.get(name, "availability"),
            "cluster": cluster,
            "instance": instance,
            **more,
        },
        "annotations": {
            "summary": f"The summary of {name}.",
            "description": f"{instance} of cluster {cluster}: what there is to say.",
            "runbook_url": f"http://vault-exporter:9410/runbooks/{name}",
            "dashboard_url": f"http://grafana/d/vault-overview?var-cluster={cluster}",
            **({"nodes": nodes} if nodes else {}),
        },
        "startsAt": now.isoformat(),
        "endsAt": (now + (timedelta() if ended else timedelta(hours=1))).isoformat(),
        "generatorURL": "https://prometheus.test/graph",
    }


def _inhibitor(symptom: str, cluster: str, instance: str, *, ended: bool = False) -> Json:
    return _alert("VaultInhibitor", cluster, instance, severity="info", ended=ended, inhibits=symptom)


def test_a_page_and_its_end(alertmanager: Alertmanager) -> None:
    alertmanager.send(_alert("VaultDown", "one", "n1", nodes="3"))
    (fired,) = alertmanager.wait_for_events("one", 1)
    key = fired.pop("dedup_key")
    assert len(key) == 64
    details = fired["payload"]["custom_details"]
    details |= {
        name: str(value if value is not None else "") for name, value in details.items()
    }  # Later versions send numbers, and null.
    assert fired == {
        "routing_key": "key of vault-critical",
        "event_action": "trigger",
        "client": "Alertmanager",
        "client_url": "https://alertmanager.test/#/alerts?receiver=vault-critical",
        "links": [
            {"text": "Runbook", "href": "http://vault-exporter:9410/runbooks/VaultDown"},
            {"text": "Dashboard", "href": "http://grafana/d/vault-overview?var-cluster=one"},
        ],
        "payload": {
            "summary": "VaultDown one: The summary of VaultDown. 1 of 3 nodes: n1.",
            "source": "n1",
            "severity": "critical",
            "component": "vault",
            "group": "one",
            "class": "VaultDown",
            "custom_details": {
                "firing": "* n1 of cluster one: what there is to say.\n",
                "resolved": "",
                "num_firing": "1",
                "num_resolved": "0",
            },
        },
    }

    alertmanager.send(_alert("VaultDown", "one", "n1", nodes="3", ended=True))
    ended = alertmanager.wait_for_events("one", 2)[1]
    assert (ended["event_action"], ended["dedup_key"]) == ("resolve", key)
    assert ended["routing_key"] == "key of vault-critical"


def test_nodes_of_a_cluster_share_one_incident(alertmanager: Alertmanager) -> None:
    alertmanager.send(_alert("VaultSealed", "many", "n1", nodes="3"))
    (first,) = alertmanager.wait_for_events("many", 1)
    alertmanager.send(_alert("VaultSealed", "many", "n1", nodes="3"), _alert("VaultSealed", "many", "n2", nodes="3"))
    second = alertmanager.wait_for_events("many", 2)[1]
    assert second["dedup_key"] == first["dedup_key"]
    assert second["payload"]["summary"] == "VaultSealed many: The summary of VaultSealed. 2 of 3 nodes: n1, n2."
    assert second["payload"]["source"] == "many"
    assert second["payload"]["custom_details"]["num_firing"] in {"2", 2}
    assert second["links"] == [
        {"text": "Runbook", "href": "http://vault-exporter:9410/runbooks/VaultSealed"},
        {"text": "Dashboard", "href": "http://grafana/d/vault-overview?var-cluster=many"},
    ]
    alertmanager.send(_alert("VaultSealed", "many", "n1", nodes="3", ended=True))
    third = alertmanager.wait_for_events("many", 3)[2]
    assert third["event_action"] == "trigger"
    assert third["payload"]["summary"] == "VaultSealed many: The summary of VaultSealed. 1 of 3 nodes: n2."
    alertmanager.send(_alert("VaultSealed", "many", "n2", nodes="3", ended=True))
    last = alertmanager.wait_for_events("many", 4)[3]
    assert (last["event_action"], last["dedup_key"]) == ("resolve", first["dedup_key"])


def test_fifty_nodes_are_counted_and_ten_named(alertmanager: Alertmanager) -> None:
    names = [f"vault-{number:02}.a-long-name-of-a-data-centre.example.com" for number in range(50)]
    # A node with two alerts of the name is counted once.
    alertmanager.send(
        *(_alert("VaultDown", "fifty", name, nodes="60") for name in names),
        _alert("VaultDown", "fifty", names[0], nodes="60", collector="seal"),
    )
    (event,) = alertmanager.wait_for_events("fifty", 1)
    summary = event["payload"]["summary"]
    assert summary == (
        f"VaultDown fifty: The summary of VaultDown. 50 of 60 nodes: {', '.join(names[:10])} and 40 more."
    )
    assert len(summary) < 1024
    assert event["payload"]["custom_details"]["num_firing"] in {"51", 51}


@pytest.mark.parametrize(
    ("instances", "nodes", "said"),
    [
        (["only"], "1", " 1 of 1 node: only."),
        (["exporter"], "", " 1 instance: exporter."),
        (["e1", "e2"], "", " 2 instances: e1, e2."),
        (
            [f"n{number:02}" for number in range(11)],
            "",
            f" 11 instances: {', '.join(f'n{n:02}' for n in range(10))} and 1 more.",
        ),
        (["CLUSTER"], "", ""),
    ],
)
def test_how_nodes_are_said(alertmanager: Alertmanager, instances: list[str], nodes: str, said: str) -> None:
    cluster = f"said-{instances[0]}-{len(instances)}"
    alertmanager.send(
        *(
            _alert("VaultOdd", cluster, name.replace("CLUSTER", cluster), severity="warning", nodes=nodes)
            for name in instances
        )
    )
    (event,) = alertmanager.wait_for_events(cluster, 1)
    assert event["payload"]["summary"] == f"VaultOdd {cluster}: The summary of VaultOdd.{said}"


def test_every_line_of_the_details_arrives(alertmanager: Alertmanager) -> None:
    """Later versions take details for YAML, where lines that begin alike would be one key."""
    alerts = [_alert("VaultCollectorFailing", "lines", "n1", severity="warning", collector=name) for name in ("a", "b")]
    for alert in alerts:
        alert["annotations"]["description"] = (
            f"n1 of cluster lines: the collector {alert['labels']['collector']} fails."
        )
    alertmanager.send(*alerts)
    (event,) = alertmanager.wait_for_events("lines", 1)
    assert event["payload"]["custom_details"]["firing"] == (
        "* n1 of cluster lines: the collector a fails.\n* n1 of cluster lines: the collector b fails.\n"
    )


def test_no_other_label_or_annotation_leaks(alertmanager: Alertmanager) -> None:
    alert = _alert("VaultDown", "quiet", "n1")
    alert["labels"] |= {"path": "planted-path", "display_name": "planted-name"}
    alert["annotations"]["notes"] = "planted-note"
    alertmanager.send(alert)
    (event,) = alertmanager.wait_for_events("quiet", 1)
    assert "planted" not in json.dumps(event)


def test_each_route_has_its_key_and_a_severity_that_pagerduty_takes(alertmanager: Alertmanager) -> None:
    alertmanager.send(
        _alert("VaultHighMemoryUsage", "warned", "n1", severity="warning"),
        _alert("VaultRootTokenUsed", "secured", "n1"),
        _alert("VaultUserLocked", "locked", "n1", severity="warning"),
        _alert("VaultOdd", "odd", "n1", severity="page"),
        _alert("VaultPolicyChanged", "told", "n1", severity="info"),
    )
    seen = {}
    for cluster in ("warned", "secured", "locked", "odd"):
        (event,) = alertmanager.wait_for_events(cluster, 1)
        seen[cluster] = (event["routing_key"], event["payload"]["severity"])
    assert seen == {
        "warned": ("key of vault-warning", "warning"),
        "secured": ("key of vault-security", "critical"),
        "locked": ("key of vault-security", "warning"),
        "odd": ("key of vault-warning", "error"),
    }
    assert alertmanager.recorder.events("told") == []


def test_an_alert_without_annotations_or_cluster_is_still_an_event(alertmanager: Alertmanager) -> None:
    alert = _alert("VaultDown", "", "n1")
    del alert["labels"]["cluster"]
    alert["annotations"] = {}
    alertmanager.send(alert)
    (event,) = alertmanager.wait_for_events("default", 1)
    assert event["payload"]["summary"] == "VaultDown default 1 instance: n1."
    assert {link["href"] for link in event["links"]} == {event["client_url"]}


def test_what_somebody_did_stays_open_until_a_person_closes_it(alertmanager: Alertmanager) -> None:
    alertmanager.send(_alert("VaultRootTokenUsed", "did", "n1"))
    (first,) = alertmanager.wait_for_events("did", 1)
    assert first["event_action"] == "trigger"
    alertmanager.send(_alert("VaultRootTokenUsed", "did", "n1", ended=True), _alert("VaultDown", "did", "n1"))
    alertmanager.wait_for_events("did", 2)
    alertmanager.send(_alert("VaultDown", "did", "n1", ended=True))
    # The end of an ordinary alert, which came later, is told; that of the event is not.
    events = alertmanager.wait_for_events("did", 3)
    assert [(event["event_action"], event["payload"]["class"]) for event in events] == [
        ("trigger", "VaultRootTokenUsed"),
        ("trigger", "VaultDown"),
        ("resolve", "VaultDown"),
    ]
    # Done again, it is told again: PagerDuty adds it to the open incident, or opens one if that was closed.
    alertmanager.send(_alert("VaultRootTokenUsed", "did", "n1"))
    again = alertmanager.wait_for_events("did", 4)[3]
    assert (again["event_action"], again["dedup_key"]) == ("trigger", first["dedup_key"])


def test_a_symptom_is_not_told_while_its_cause_is(alertmanager: Alertmanager) -> None:
    alertmanager.send(
        _inhibitor("VaultDown", "silence", "n1"),
        _alert("VaultStorageUnavailable", "silence", "n1"),
        _alert("VaultDown", "silence", "n1"),
        _alert("VaultDown", "silence", "n2"),
        _alert("VaultSealed", "silence", "n1"),
        _alert("VaultRootTokenUsed", "silence", "n1"),
    )
    events = alertmanager.wait_for_events("silence", 4)
    assert {(event["payload"]["class"], event["payload"]["source"]) for event in events} == {
        ("VaultStorageUnavailable", "n1"),
        ("VaultDown", "n2"),
        ("VaultSealed", "n1"),
        ("VaultRootTokenUsed", "n1"),
    }
    # The cause is over, the symptom is not.
    alertmanager.send(
        _inhibitor("VaultDown", "silence", "n1", ended=True),
        _alert("VaultStorageUnavailable", "silence", "n1", ended=True),
    )
    wait_until(
        lambda: any(
            "2 instances: n1, n2" in event["payload"]["summary"] for event in alertmanager.recorder.events("silence")
        ),
        what="the symptom is told",
    )


@pytest.mark.parametrize("first", ["symptom", "inhibitor"])
def test_a_symptom_that_ends_while_its_cause_goes_on_is_resolved(alertmanager: Alertmanager, first: str) -> None:
    """Whichever of the two ends first: Prometheus sends both ends again and again for a quarter of an hour."""
    cluster = f"outlived-{first}"
    symptom, cause = _alert("VaultDown", cluster, "n1"), _alert("VaultStorageUnavailable", cluster, "n1")
    alertmanager.send(symptom)
    (told,) = alertmanager.wait_for_events(cluster, 1)
    assert (told["event_action"], told["payload"]["class"]) == ("trigger", "VaultDown")
    alertmanager.send(symptom, cause, _inhibitor("VaultDown", cluster, "n1"))
    wait_until(lambda: alertmanager.suppressed(cluster) == {"VaultDown"}, what="VaultDown is inhibited")
    alertmanager.wait_for_events(cluster, 2)

    end_of_symptom = _alert("VaultDown", cluster, "n1", ended=True)
    end_of_inhibitor = _inhibitor("VaultDown", cluster, "n1", ended=True)
    if first == "symptom":
        alertmanager.send(end_of_symptom)
        _flush(alertmanager, cluster)
        # Its group was looked at and its end was inhibited: Alertmanager by itself never tells it.
        assert {event["event_action"] for event in alertmanager.recorder.events(cluster)} == {"trigger"}

    def resolved() -> bool:
        alertmanager.send(end_of_symptom, end_of_inhibitor, cause)
        return any(
            event["event_action"] == "resolve" and event["dedup_key"] == told["dedup_key"]
            for event in alertmanager.recorder.events(cluster)
        )

    wait_until(resolved, what="the symptom's incident is resolved", interval=0.5)
    last = {event["payload"]["class"]: event["event_action"] for event in alertmanager.recorder.events(cluster)}
    assert last == {"VaultDown": "resolve", "VaultStorageUnavailable": "trigger"}


def _flush(alertmanager: Alertmanager, cluster: str) -> None:
    """Wait until every group was looked at, going by another one, of which new nodes are told at every look."""
    other = f"{cluster}-other"
    for number in range(4):
        alertmanager.send(*(_alert("VaultOdd", other, f"n{node}") for node in range(number + 1)))
        alertmanager.wait_for_events(other, number + 1)


def test_the_watchdog_goes_to_the_heartbeat_each_minute(alertmanager: Alertmanager) -> None:
    """At a twentieth of the time: each 3 s."""
    alertmanager.send(_alert("VaultWatchdog", "watch", "n1", severity="info"))
    wait_until(lambda: alertmanager.recorder.heartbeats() > 0, what="heartbeat")
    before = alertmanager.recorder.heartbeats()
    wait_until(lambda: alertmanager.recorder.heartbeats() >= before + 5, what="five more heartbeats")
    beats = [post.at for post in alertmanager.recorder.posts if post.path == "/heartbeat"][before - 1 : before + 5]
    assert (beats[-1] - beats[0]) / 5 == pytest.approx(3, abs=0.5)
    assert alertmanager.recorder.events("watch") == []


OTHER_TEAMS = {
    "route": {
        "receiver": "theirs",
        "group_by": ["alertname"],
        "routes": [
            {"receiver": "null", "matchers": ["alertname = InfoInhibitor"]},
            {"receiver": "their-pager", "matchers": ["severity = critical"]},
        ],
    },
    "inhibit_rules": [
        {
            "source_matchers": ["severity = critical"],
            "target_matchers": ["severity =~ warning|info"],
            "equal": ["namespace", "alertname"],
        }
    ],
    "receivers": [
        {"name": "null"},
        {"name": "theirs", "webhook_configs": [{"url": "http://theirs/"}]},
        {"name": "their-pager", "webhook_configs": [{"url": "http://their-pager/"}]},
    ],
}
"""As many have it: that of the kube-prometheus stack, with receivers."""


def test_merged_into_the_configuration_of_others_it_takes_our_alerts_only(program: str, tmp_path: Path) -> None:
    with (
        recording() as recorder,
        Alertmanager(tmp_path, recorder, program=program, config=merged(OTHER_TEAMS)) as shared,
    ):
        theirs = [
            ("Watchdog", {"severity": "none"}),
            ("InfoInhibitor", {"severity": "none"}),
            ("KubePodCrashLooping", {"severity": "warning", "namespace": "shop"}),
            ("KubeNodeNotReady", {"severity": "critical"}),
            ("VaultDown", {"severity": "critical", "team": "bank"}),  # of a vault of another kind
        ]
        shared.send(
            *({"labels": {"alertname": name, **labels}} for name, labels in theirs),
            _alert("VaultDown", "ours", "n1"),
            _alert("VaultHighMemoryUsage", "ours", "n1", severity="warning"),
            _alert("VaultWatchdog", "ours", "ours", severity="info"),
        )
        shared.wait_for_events("ours", 2)
        wait_until(lambda: len(_told(recorder, "/their-pager")) >= 2, what="their pages")
        wait_until(lambda: len(_told(recorder, "/theirs")) >= 2, what="their other alerts")
        wait_until(lambda: recorder.heartbeats() > 1, what="heartbeats")
        assert _told(recorder, "/their-pager") == {"KubeNodeNotReady", "VaultDown"}
        assert _told(recorder, "/theirs") == {"Watchdog", "KubePodCrashLooping"}
        assert _told(recorder, "/heartbeat") == {"VaultWatchdog"}
        assert {(page.body["payload"]["class"], page.body["payload"]["group"]) for page in recorder.pages()} == {
            ("VaultDown", "ours"),
            ("VaultHighMemoryUsage", "ours"),
        }


def _told(recorder: Recorder, path: str) -> set[str]:
    posts = [post.body for post in list(recorder.posts) if post.path == path]
    return {alert["labels"]["alertname"] for post in posts for alert in post["alerts"]}
