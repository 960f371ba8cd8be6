"""A cluster that is found by one address, watched with the policy that the exporter prints and no more."""

import asyncio
import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from tests.e2e.conftest import exporters
from tests.lab.api import call
from tests.lab.nodes import Cluster, Node, postgres_cluster
from tests.lab.raft import RaftCluster, raft_cluster
from tests.lab.waiting import PATIENCE, wait_until
from vault_exporter.checks import Flags, load
from vault_exporter.demo.process import free_port, program
from vault_exporter.demo.prometheus import Prometheus
from vault_exporter.diagnose.online import TargetDiagnosis, diagnose
from vault_exporter.metrics import catalogue as c


class Lab(NamedTuple):
    directory: Path
    nodes: list[Node]
    root_token: str
    settings: dict[str, Any]

    @property
    def leader(self) -> Node:
        (active,) = (node for node in self.nodes if node.health() == 200)
        return active

    def grant(self, policy: str) -> None:
        reply = call(self.leader.address, "PUT", "sys/policies/acl/exporter", self.root_token, policy=policy)
        assert reply.status == 204, reply

    def config(self, **keys: Any) -> Path:
        file = self.directory / "vault-exporter.yml"
        file.write_text(yaml.safe_dump({"defaults": self.settings, **keys}))
        return file


@pytest.fixture(scope="module", params=["raft", "postgresql"])
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    directory = tmp_path_factory.mktemp("rights")
    with ExitStack() as stack:
        cluster: Cluster | RaftCluster = (
            stack.enter_context(raft_cluster(directory))
            if request.param == "raft"
            else stack.enter_context(postgres_cluster())
        )
        root = cluster.root_token
        (leader,) = (node for node in cluster.nodes if node.health() == 200)
        (directory / "password").write_text("two words")
        user = {"password": "two words", "token_policies": ["exporter"], "token_no_default_policy": True}
        for path, data in (("sys/auth/userpass", {"type": "userpass"}), ("auth/userpass/users/exporter", user)):
            assert call(leader.address, "POST", path, root, **data).status == 204
        auth = {"method": "userpass", "username": "exporter", "password_file": str(directory / "password")}
        yield Lab(directory, cluster.nodes, root, {"auth": auth, "timeout": "30s"})


def run(*arguments: str | Path) -> tuple[int, str]:
    done = subprocess.run(
        [program("vault-exporter"), *arguments], capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    return done.returncode, done.stdout


def discovery(lab: Lab) -> list[dict[str, str]]:
    # A standby passes the question on to the active node.
    (standby, *_) = (node for node in lab.nodes if node is not lab.leader)
    return [{"type": "cluster", "address": standby.address, "cluster": "prod"}]


def failed(seen: TargetDiagnosis) -> dict[str, str]:
    return {finding.name: finding.problem for finding in seen.findings if finding.problem}


def test_the_policy_is_enough_and_all_of_it_is_needed(lab: Lab) -> None:
    file = lab.config(discovery=discovery(lab))
    status, policy = run("policy", "--config", file)
    assert status == 0
    lab.grant(policy)
    # Heartbeats tell the active node of the others.
    check = ("check", "--online", "--config", file)
    wait_until(lambda: run(*check)[1].count(": answers\n") == 3, what="three nodes")
    status, text = run(*check)
    assert status == 0, text
    assert "display_name userpass-exporter" in text
    results = dict(re.findall(r"^  (\w+)  +(.+)$", text, re.MULTILINE))
    lacking = {name for name, result in results.items() if result == "this server does not have it"}
    assert {result for name, result in results.items() if name not in lacking} == {"works"}
    assert lacking < set(results)

    config = load(lab.config(targets=[{"name": "leader", "address": lab.leader.address}]), Flags(), {})
    without_effect = set()
    removed = re.findall(r'\n\n# (.+)\npath "(.+)" ', policy)
    assert len(removed) > 20
    for name, path in removed:
        lab.grant(policy.replace(f'path "{path}"', 'path "nothing"'))
        (seen,) = asyncio.run(diagnose(config)).targets
        parts = set(name.split(", ")) - {"discovery"}
        assert failed(seen) == dict.fromkeys(parts, f"the token's policies do not allow {path}")
        success = (sample for sample in seen.scrape.samples if sample.family is c.COLLECTOR_SUCCESS)
        scraped = {sample.labels[0] for sample in success if not sample.value}
        if not scraped:
            without_effect.add(path)
        else:
            assert scraped == parts
    # Telemetry is open to everybody here, there are no namespaces, OpenBao has no replication, and the others are what
    # older servers have in place of newer paths.
    assert without_effect == {
        "sys/metrics",
        "sys/namespaces/+/seal-status",
        "sys/generate-root/attempt",
        "sys/rekey/init",
        "sys/rekey-recovery-key/init",
    }

    lab.grant(policy.replace('path "sys/key-status"', 'path "nothing"'))
    status, text = run(*check)
    assert status == 1
    assert 'grant: path "sys/key-status" { capabilities = ["read"] }' in text
    lab.grant(policy)


def test_prometheus_needs_nothing_but_the_list(lab: Lab) -> None:
    file = lab.config(discovery=discovery(lab))
    lab.grant(run("policy", "--config", file)[1])
    with exporters(lab.directory) as start:
        settings = {**discovery(lab)[0], **lab.settings, "interval": "1s", "labels": {"team": "ops"}}
        exporter = start(discovery=[settings])
        home = lab.directory / "prometheus"
        home.mkdir()
        jobs = [{"job_name": "vault", "http_sd_configs": [{"url": f"{exporter.address}/sd", "refresh_interval": "1s"}]}]
        with Prometheus(home, jobs, port=free_port()) as prometheus:
            wait_until(
                lambda: [one.value for one in prometheus.query("vault_up")] == [1, 1, 1],
                what="three nodes up",
            )
            series = prometheus.query("vault_active")
            names = {node.address.removeprefix("http://"): node for node in lab.nodes}
            assert {one.labels["instance"] for one in series} == set(names)
            assert {(one.labels["cluster"], one.labels["job"], one.labels["team"]) for one in series} == {
                ("prod", "vault", "ops")
            }
            active = {one.labels["instance"]: one.value for one in series}
            assert active == {name: node is lab.leader for name, node in names.items()}
            logins = prometheus.query("vault_exporter_logins_total")
            assert [one.value for one in logins] == [1, 1, 1]


def test_status_for_people_and_programs(lab: Lab) -> None:
    lab.grant(run("policy")[1])
    file = lab.config(targets=[{"name": node.name, "address": node.address} for node in lab.nodes])
    status, text = run("status", "--config", file)
    assert status == 0, text
    assert text.count("standby") == 2
    assert text.count("active") == 1
    leader = lab.leader
    (standby, *_) = (node for node in lab.nodes if node is not leader)
    standby.kill()
    status, text = run("status", "--config", file, "--json")
    assert status == 2
    states = {one["target"]: (one["state"], one["reason"], one["severity"]) for one in json.loads(text)}
    expected = {node.name: ("standby", "", "ok") for node in lab.nodes}
    assert states == expected | {leader.name: ("active", "", "ok"), standby.name: ("down", "refused", "critical")}
