"""Do labels say which cluster and node a series is of, and which Prometheus an alert is from?"""

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from vault_exporter.diagnose.doctor.chain import Chain
from vault_exporter.diagnose.doctor.finding import Finding, Level
from vault_exporter.diagnose.doctor.read.prometheus import PrometheusConfig

__all__ = [
    "clusters_of_pages",
    "missing_clusters",
    "renamed_labels",
    "replicas",
    "shared_clusters",
    "shared_labels",
    "split_clusters",
]

_CLUSTER: Final = "vault-exporter.yml: cluster of each target, or of defaults"
_REPLICA: Final = re.compile(r"(?:\w+_)?_*replica_*")
"""Names of external labels that tell the members of a pair of Prometheus apart."""


def renamed_labels(chain: Chain) -> Iterator[Finding]:
    """Labels of the exporter that Prometheus renamed to ``exported_...``, because the target has one of that name."""
    prometheus = chain.prometheus
    samples = (*prometheus.one("vault_up"), *prometheus.one("expected_nodes"))
    # Where both labels say the same, nothing is lost.
    if renamed := [one for one in samples if one.labels.get("exported_cluster", one.cluster) != one.cluster]:
        yield Finding(
            Level.WARNING,
            "label-renamed",
            "the exporter's label cluster became exported_cluster, and the target's label cluster is another one: the "
            "rules take nodes, or the declared number of nodes, for those of that other cluster",
            "set honor_labels: true on the job (honorLabels of a ServiceMonitor), or give the page no cluster",
            prometheus.place(renamed[0].job),
            tuple(sorted({str(one) for one in renamed})),
        )
    for label in ("instance", "job", "namespace"):
        found = defaultdict(list)
        for one in prometheus.one(f"exported_{label}"):
            found[one.job].append(one.labels.get(f"exported_{label}", ""))
        for job, values in found.items():
            # Vault's native metrics have a label namespace. The rules hold with either name.
            harmless = label == "namespace"
            yield Finding(
                Level.INFO if harmless else Level.WARNING,
                "label-renamed",
                f"the label {label} of series of the job {job} became exported_{label}, since its targets have a label "
                f"of that name{'; the rules and dashboards hold, and queries of your own may not' if harmless else ''}",
                "set honor_labels: true on the job (honorLabels of a ServiceMonitor), or remove the target's label",
                f"{prometheus.place(job)}: honor_labels",
                tuple(sorted(set(values)))[:10],
            )


def missing_clusters(chain: Chain) -> Iterator[Finding]:
    """Nodes without a label ``cluster``, where Prometheus has none for all, either."""
    prometheus = chain.prometheus
    without = [one for one in prometheus.one("vault_up") if not one.cluster]
    for_all = bool(prometheus.config and prometheus.config.external_labels.get("cluster"))
    if without and not (for_all and len(without) == len(prometheus.one("vault_up"))):
        yield Finding(
            Level.WARNING,
            "cluster-label-missing",
            "nodes have no label cluster: their alerts do not say which cluster they are of, and causes and symptoms "
            "of a cluster are not matched",
            "set cluster of the targets in the exporter's file, or labels: {cluster: NAME} in static_configs of the "
            "job; for one Prometheus a cluster, external_labels: {cluster: NAME} also does",
            f"{_CLUSTER}; {prometheus.place(without[0].job)}",
            tuple(sorted(map(str, without))),
        )


def clusters_of_pages(chain: Chain) -> Iterator[Finding]:
    """Pages with a label ``cluster`` whose target has none: ``up`` and ``vault_up`` are of different clusters."""
    prometheus = chain.prometheus
    scraped = {one.node for one in prometheus.one("up")}
    nodes = [one for one in prometheus.one("vault_up") if (one.job, "", one.labels.get("instance", "")) in scraped]
    if found := [one for one in nodes if one.cluster]:
        yield Finding(
            Level.WARNING,
            "cluster-label-of-page",
            "the exporter's page has a label cluster, and its target has none: up is not of the same cluster as "
            "vault_up, so VaultJobMisconfigured fires, and VaultExporterDown names no cluster",
            "give the target the same label cluster, and set honor_labels: true",
            prometheus.place(found[0].job),
            tuple(sorted(map(str, found))),
        )


def shared_clusters(chain: Chain) -> Iterator[Finding]:
    """Several clusters under one label."""
    ids: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for one in chain.prometheus.one("info"):
        ids[one.cluster][one.labels.get("cluster_id", "")].add(str(one))
    for cluster, found in ids.items():
        if len(found) > 1:
            yield Finding(
                Level.WARNING,
                "cluster-label-shared",
                f"nodes of {len(found)} Vault clusters have the label cluster {cluster or '(none)'}: numbers by "
                "cluster are wrong, and one cluster hides the failure of the other",
                "give each cluster a label of its own",
                _CLUSTER,
                tuple(f"{', '.join(sorted(nodes))}: cluster_id {name}" for name, nodes in sorted(found.items())),
            )


def split_clusters(chain: Chain) -> Iterator[Finding]:
    """One cluster under several labels."""
    labels: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for one in chain.prometheus.one("info"):
        labels[one.labels.get("cluster_id", "")][one.cluster].add(str(one))
    for name, found in labels.items():
        if len(found) > 1:
            yield Finding(
                Level.WARNING,
                "cluster-label-split",
                f"nodes of one Vault cluster (cluster_id {name}) have {len(found)} labels cluster: rules take them for "
                "clusters without enough nodes, or without an active one",
                "give all nodes of the cluster the same label",
                _CLUSTER,
                tuple(f"{cluster or '(none)'}: {', '.join(sorted(nodes))}" for cluster, nodes in sorted(found.items())),
            )


def shared_labels(chain: Chain) -> Iterator[Finding]:
    """Targets with equal labels: Prometheus stores their samples in the same series."""
    found: dict[tuple[tuple[str, str], ...], list[str]] = defaultdict(list)
    prometheus = chain.prometheus
    for target in prometheus.targets or ():
        if prometheus.job_names.is_ours(target.job):
            found[tuple(sorted(target.labels.items()))].append(target.scrape_url)
    for labels, urls in found.items():
        if len(urls) > 1:
            named = dict(labels)
            yield Finding(
                Level.CRITICAL,
                "labels-shared",
                f"{len(urls)} targets have the same labels (job {named.get('job')}, instance {named.get('instance')}): "
                "their samples replace each other, so a node that is down may look well",
                "let relabel_configs set instance to the name of the node, as the exporter's /sd does",
                f"{prometheus.place(named.get('job', ''))}: relabel_configs",
                tuple(sorted(urls)),
            )


def replicas(chain: Chain) -> Iterator[Finding]:
    """A label that differs between the members of a pair of Prometheus, and reaches Alertmanager."""
    config = chain.prometheus.config
    kept = [name for name in config.external_labels if _REPLICA.fullmatch(name)] if config else []
    for name in (name for name in kept if config and not _is_dropped(name, config)):
        yield Finding(
            Level.WARNING,
            "replica-label",
            f"the external label {name} is in alerts: those of the other replica are other alerts to Alertmanager, so "
            "people are told twice",
            f"drop it before Alertmanager: {{action: labeldrop, regex: {name}}}",
            "prometheus.yml: alerting: alert_relabel_configs",
        )
    groups: dict[tuple[tuple[str, str], ...], set[str]] = defaultdict(set)
    for alert in chain.alertmanager.alerts if chain.alertmanager else ():
        for name in alert.labels:
            if _REPLICA.fullmatch(name) and name not in kept:
                rest = tuple(sorted((key, value) for key, value in alert.labels.items() if key != name))
                groups[(("", name), *rest)].add(alert.labels[name])
    if names := sorted({key[0][1] for key, values in groups.items() if len(values) > 1}):
        yield Finding(
            Level.WARNING,
            "replica-label",
            f"Alertmanager holds alerts twice, which differ only in the label {', '.join(names)}: told twice",
            f"drop it in each Prometheus: {{action: labeldrop, regex: {names[0]}}}",
            "prometheus.yml: alerting: alert_relabel_configs",
        )


def _is_dropped(name: str, config: PrometheusConfig) -> bool:
    for one in config.alert_relabel_configs:
        action, matches = str(one.get("action", "")).lower(), _matches(str(one.get("regex", "")), name)
        if (action == "labeldrop" and matches) or (action == "labelkeep" and not matches):
            return True
    return False


def _matches(pattern: str, text: str) -> bool:
    try:
        return re.fullmatch(pattern, text) is not None
    except re.error:
        return False
