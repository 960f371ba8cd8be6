"""What the chart renders, run against a real cluster of three nodes: ``make deploy-run`` runs this file.

The exporter logs in with its service account, Prometheus scrapes as the operator tells it to, and a sealed node reaches
PagerDuty by the rendered rules and the rendered AlertmanagerConfig.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import trustme
import yaml

from tests.deploy import prometheus_operator
from tests.deploy.chart import EXAMPLE, Json, named, template
from tests.deploy.pods import Pod, central_parts, service_account_token
from tests.lab.alertmanager import Alertmanager
from tests.lab.api import call
from tests.lab.nodes import Cluster, postgres_cluster
from tests.lab.pagerduty import recording
from tests.lab.token_reviews import token_reviews
from tests.lab.waiting import wait_until
from vault_exporter.demo.process import free_port
from vault_exporter.demo.prometheus import Prometheus

NAMESPACE = "its-camera-ai"
PODS = ("vault-0", "vault-1", "vault-2")
CENTRAL = "127.0.0.5"
SIDECARS = ("127.0.0.2", "127.0.0.3", "127.0.0.4")


class Vault(NamedTuple):
    """The cluster, to which service accounts can log in."""

    cluster: Cluster

    def allow(self, pod: Pod, account: str) -> None:
        """Make the policy and the role, as the notes say."""
        self.ask("PUT", "sys/policies/acl/vault-exporter", policy=pod.policy())
        self.ask(
            "POST",
            "auth/kubernetes/role/vault-exporter",
            bound_service_account_names=account,
            bound_service_account_namespaces=NAMESPACE,
            token_policies="vault-exporter",
            token_ttl="1h",
        )

    def ask(self, method: str, path: str, /, **data: Any) -> None:
        reply = call(self.cluster.leader.address, method, path, self.cluster.root_token, **data)
        assert reply.status in {200, 204}, (path, reply)


@pytest.fixture(scope="module")
def vault() -> Iterator[Vault]:
    with token_reviews() as reviews, postgres_cluster(audited=True) as cluster:
        vault = Vault(cluster)
        vault.ask("POST", "sys/auth/kubernetes", type="kubernetes")
        reviewer = service_account_token(NAMESPACE, "vault")
        vault.ask(
            "POST",
            "auth/kubernetes/config",
            kubernetes_host=reviews,
            token_reviewer_jwt=reviewer,
            kubernetes_ca_cert=trustme.CA().cert_pem.bytes().decode(),
            disable_local_ca_jwt=True,
        )
        vault.ask("POST", f"sys/mounts/{NAMESPACE}", type="kv", options={"version": "2"})
        yield vault


def rendered(*, central: bool, pagerduty: int = 1) -> tuple[list[Json], dict[str, int]]:
    """Render the example of the mission on free ports, without TLS, and with an alert that is quick."""
    ports = {"central": free_port(), "sidecar": free_port()}
    objects = template(
        EXAMPLE / "values.yaml",
        vault={"scheme": "http", "tls": {"caSecret": ""}},
        central__enabled=central,
        central__service__port=ports["central"],
        sidecar__port=ports["sidecar"],
        prometheusRule__alerts={"VaultSealed": {"for": "5s"}},
        alertmanager__pagerdutyUrl=f"http://127.0.0.1:{pagerduty}/v2/enqueue",
    )
    return objects, ports


def sidecars(directory: Path, objects: list[Json], vault: Vault, port: int) -> list[Pod]:
    values = yaml.safe_load(named(objects, "ConfigMap", "-sidecar-values")["data"]["values.yaml"])["server"]
    (container,) = values["extraContainers"]
    return [
        Pod(
            directory / pod,
            objects,
            container,
            values["volumes"],
            token=service_account_token(NAMESPACE, "vault"),
            directories={},
            addresses={
                f"listen: :{port}": f"listen: {address}:{port}",
                "http://127.0.0.1:8200": node.address,
                "/vault/audit/audit.log": str(node.audit_log),
            },
        )
        for pod, address, node in zip(PODS, SIDECARS, vault.cluster.nodes, strict=True)
    ]


def central(directory: Path, objects: list[Json], vault: Vault, port: int) -> Pod:
    nodes = zip(PODS, vault.cluster.nodes, strict=True)
    backup = directory / "backups"
    backup.mkdir(parents=True)
    (backup / "vault-today").write_text("")
    return Pod(
        directory / "central",
        objects,
        *central_parts(objects),
        token=service_account_token(NAMESPACE, "vault-exporter"),
        directories={"backup": backup},
        addresses={
            f"listen: :{port}": f"listen: {CENTRAL}:{port}",
            **{f"http://{pod}.vault-internal.{NAMESPACE}.svc:8200": node.address for pod, node in nodes},
        },
    )


def jobs(objects: list[Json], ports: dict[str, int]) -> list[Json]:
    pods = [
        {"address": f"{address}:{ports['sidecar']}", "pod": pod} for pod, address in zip(PODS, SIDECARS, strict=True)
    ]
    made = [prometheus_operator.pod_monitor(named(objects, "PodMonitor"), pods)]
    if any(one["kind"] == "ServiceMonitor" for one in objects):
        here = f"{CENTRAL}:{ports['central']}"
        page = {"address": here, "pod": "vault-exporter-0", "service": "vault-exporter"}
        there = f"vault-exporter.{NAMESPACE}.svc:{ports['central']}"
        made.append(prometheus_operator.service_monitor(named(objects, "ServiceMonitor"), [page]))
        made.append(prometheus_operator.scrape_config(named(objects, "ScrapeConfig"), {there: here}))
    return made


def labels(prometheus: Prometheus, expression: str) -> set[tuple[str, ...]]:
    names = ("job", "cluster", "instance", "namespace")
    return {tuple(one.labels.get(name, "") for name in names) for one in prometheus.query(expression)}


def all_collectors_succeed(prometheus: Prometheus, nodes: int) -> None:
    """Wait until each collector of each node has run, and none fails."""
    wait_until(
        lambda: (
            len(labels(prometheus, "vault_up == 1")) == nodes
            and not prometheus.query("vault_exporter_collector_success == 0")
        ),
        what="every collector succeeds",
    )
    assert prometheus.value("count(vault_exporter_collector_success)")


def audit_is_counted(prometheus: Prometheus, vault: Vault, job: str) -> None:
    before = prometheus.value("sum(vault_audit_entries_total)") or 0
    for number in range(5):
        vault.ask("POST", f"{NAMESPACE}/data/encryption/master", data={"key": number})
    wait_until(
        lambda: (prometheus.value("sum(vault_audit_entries_total)") or 0) >= before + 10, what="the entries are counted"
    )
    found = labels(prometheus, "vault_audit_entries_total")
    assert found <= {(job, NAMESPACE, pod, NAMESPACE) for pod in PODS}
    assert found


def test_sidecars_alone(vault: Vault, tmp_path: Path) -> None:
    objects, ports = rendered(central=False)
    pods = sidecars(tmp_path, objects, vault, ports["sidecar"])
    vault.allow(pods[0], "vault")
    with ExitStack() as stack:
        for pod in pods:
            stack.enter_context(pod.start())
        prometheus = stack.enter_context(Prometheus(tmp_path, jobs(objects, ports), port=free_port()))
        all_collectors_succeed(prometheus, 3)
        assert labels(prometheus, "vault_up") == {("vault", NAMESPACE, pod, NAMESPACE) for pod in PODS}
        audit_is_counted(prometheus, vault, "vault")


def test_both_together_up_to_pagerduty(vault: Vault, tmp_path: Path) -> None:
    with recording() as recorder, ExitStack() as stack:
        objects, ports = rendered(central=True, pagerduty=recorder.port)
        exporter = central(tmp_path, objects, vault, ports["central"])
        vault.allow(exporter, "vault-exporter")
        for pod in (exporter, *sidecars(tmp_path, objects, vault, ports["sidecar"])):
            stack.enter_context(pod.start())
        config = prometheus_operator.alertmanager(named(objects, "AlertmanagerConfig"))
        folder = tmp_path / "alertmanager"
        folder.mkdir()
        alertmanager = stack.enter_context(Alertmanager(folder, recorder, config=config))
        rules = tmp_path / "rules.yml"
        rules.write_text(yaml.safe_dump(named(objects, "PrometheusRule")["spec"]))
        prometheus = stack.enter_context(
            Prometheus(
                tmp_path,
                jobs(objects, ports),
                port=free_port(),
                rules=[rules],
                alertmanager=alertmanager.address,
            )
        )
        all_collectors_succeed(prometheus, 3)
        assert labels(prometheus, "vault_up") == {("vault", NAMESPACE, pod, NAMESPACE) for pod in PODS}
        page = ("vault-exporter", NAMESPACE, "vault-exporter", NAMESPACE)
        wait_until(lambda: page in labels(prometheus, "up == 1"), what="the exporter's own page is scraped")
        assert labels(prometheus, "vault_backup_last_timestamp_seconds") == {page}
        audit_is_counted(prometheus, vault, "vault-exporter")

        standby = next(node for node in vault.cluster.nodes if node is not vault.cluster.leader)
        standby.kill()
        standby.start()
        (sealed,) = (pod for pod, node in zip(PODS, vault.cluster.nodes, strict=True) if node is standby)
        wait_until(lambda: any(is_sealed(event) for event in recorder.events(NAMESPACE)), what="PagerDuty knows")
        (event, *_) = filter(is_sealed, recorder.events(NAMESPACE))
        assert event["routing_key"] == "key of vault-critical"
        assert event["payload"]["summary"].startswith(f"VaultSealed {NAMESPACE}: ")
        assert sealed in event["payload"]["summary"]
        (runbook, *_) = event["links"]
        assert runbook["href"].endswith(f"vault-exporter.{NAMESPACE}.svc:{ports['central']}/runbooks/VaultSealed")


def is_sealed(event: Json) -> bool:
    return bool(event["payload"]["class"] == "VaultSealed")
