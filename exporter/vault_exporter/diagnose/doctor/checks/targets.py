"""Does Prometheus scrape every node, once, in time, and under a job that the rules select?"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from vault_exporter.diagnose.doctor.chain import Chain
from vault_exporter.diagnose.doctor.checks.same_node import not_selected, probed, targets_of, texts
from vault_exporter.diagnose.doctor.finding import Finding, Level
from vault_exporter.diagnose.doctor.read.prometheus import Prometheus, Sample, Target, seconds
from vault_exporter.diagnose.doctor.read.queries import ALWAYS

__all__ = [
    "jobs_that_no_rule_selects",
    "jobs_without_targets",
    "metrics_that_are_dropped",
    "nodes_that_are_not_scraped",
    "scrape_intervals",
    "scrape_timeouts",
    "targets_that_are_down",
    "targets_without_vault_up",
]

_STALE_SECONDS: Final = 300
"""Prometheus takes a series for gone after this time without a sample."""
_SLOW_RATIO: Final = 0.8
"""A scrape that takes more of its timeout than this fails on a busy day."""
_ADDRESS: Final = re.compile(r"^\S+:\d+: ")
_SERVICE_DISCOVERY: Final = "take the targets from the exporter's /sd (http_sd_configs)"
_PLAIN: Final = "set scheme: http, or give the exporter TLS in its web_config_file"
_REMEDIES: Final = (
    ("connection refused", "start the exporter, or correct host and port of the target"),
    ("no such host", "correct the host name of the target"),
    ("i/o timeout", "open the network between Prometheus and the exporter, or correct the address of the target"),
    ("context deadline exceeded", "raise scrape_timeout, or look why the exporter is slow: its /metrics has the times"),
    ("HTTP status 401", "set basic_auth of the job to a user of the exporter's web_config_file"),
    ("HTTP status 403", "let the exporter's web_config_file accept Prometheus' certificate"),
    ("HTTP status 400", "correct the parameter target: it is the name of a target in the exporter's configuration"),
    ("HTTP status 404", "correct metrics_path: it is /metrics, or /probe with the parameter target"),
    ("HTTP response to HTTPS client", _PLAIN),
    ("does not look like a TLS handshake", _PLAIN),
    ("HTTP request to an HTTPS server", "set scheme: https"),
    ("malformed HTTP response", "set scheme: https"),
    ("certificate", "set tls_config.ca_file of the job to the CA of the exporter's certificate"),
    ("sample limit exceeded", "raise sample_limit of the job"),
    ("duplicate", "give each node a label instance of its own"),
)
"""What to do about a scrape error, by a part of its text."""


def jobs_that_no_rule_selects(chain: Chain) -> Iterator[Finding]:
    """Nodes, or exporters, under a job that the rules do not select: no alert can fire."""
    prometheus = chain.prometheus
    names = prometheus.job_names
    for job, nodes in _by_job(not_selected(prometheus).alone).items():
        yield Finding(
            Level.CRITICAL,
            "job-not-selected",
            f'the rules select job=~"{names.node}", and nodes have the job {job or "(none)"}: no alert can fire',
            f"name the job {names.node}, or load what `vault-exporter rules --set job={job}` prints",
            prometheus.place(job),
            nodes,
        )
    exporters = (one for one in prometheus.one("build") if not names.is_ours(one.job))
    seen = {one.job for one in prometheus.one("vault_up")}
    for job, nodes in _by_job(one for one in exporters if one.job not in seen).items():
        yield Finding(
            Level.WARNING,
            "exporter-job-not-selected",
            f'the rules select job=~"{names.node}|{names.exporter}", and exporters have the job {job or "(none)"}: no '
            "alert of an audit log, a backup or the exporter can fire",
            f"name the job {names.exporter}, or load what `vault-exporter rules --set exporter_job={job}` prints",
            prometheus.place(job),
            nodes,
        )


def jobs_without_targets(chain: Chain) -> Iterator[Finding]:
    """No target at all under the job of nodes."""
    prometheus = chain.prometheus
    if any(prometheus.job_names.is_node(one.job) for one in prometheus.one("up")) or prometheus.one("vault_up"):
        return
    name = prometheus.job_names.node
    dropped = sum(one.discovered_labels.job == name for one in prometheus.dropped)
    if dropped:
        problem = f"relabel_configs drop all {dropped} targets of the job {name}"
        remedy = "correct relabel_configs of the job"
    elif prometheus.config is not None and name in prometheus.config.jobs:
        problem = f"the job {name} has no targets"
        remedy = "open Status, Service discovery in Prometheus; with http_sd_configs, open the exporter's /sd"
    else:
        problem = f"no job {name} scrapes Vault nodes: no alert can fire, but VaultExporterDown"
        remedy = f"add a job {name}, and {_SERVICE_DISCOVERY}"
    yield Finding(Level.CRITICAL, "no-targets", problem, remedy, prometheus.place(name))


def targets_without_vault_up(chain: Chain) -> Iterator[Finding]:
    """Targets of the job of nodes that are scraped with success, and are no node."""
    prometheus = chain.prometheus
    # The page may have a label cluster that its target lacks, which is a finding of its own.
    nodes = {(one.job, one.labels.get("instance", "")) for one in prometheus.one("vault_up")}
    exporters = {one.node for one in prometheus.one("build")}
    native = {one.node for one in prometheus.one("native")}
    found: dict[str, list[Sample]] = defaultdict(list)
    for one in prometheus.one("up"):
        if one.value == 1 and prometheus.job_names.is_node(one.job) and (one.job, one.node[2]) not in nodes:
            found["exporter" if one.node in exporters else "native" if one.node in native else "other"].append(one)
    for kind, what, remedy in (
        (
            "exporter",
            "the exporter's own page, /metrics, and no node",
            f"name its job {prometheus.job_names.exporter}; for nodes, {_SERVICE_DISCOVERY}",
        ),
        ("native", "Vault itself, and not the exporter", f"name its job otherwise; for nodes, {_SERVICE_DISCOVERY}"),
        (
            "other",
            "something that is no Vault node",
            f"{_SERVICE_DISCOVERY}, and keep vault_up in metric_relabel_configs",
        ),
    ):
        if found[kind]:
            jobs = sorted({one.job for one in found[kind]})
            yield Finding(
                Level.CRITICAL,
                "no-vault-up",
                f"targets of the job {', '.join(jobs)} give no vault_up; they are {what}: no alert can fire for them",
                remedy,
                prometheus.place(jobs[0]),
                texts(found[kind]),
            )


def targets_that_are_down(chain: Chain) -> Iterator[Finding]:
    """Targets that Prometheus cannot scrape, by error."""
    prometheus = chain.prometheus
    if prometheus.targets is None:
        errors = {one: "" for one in prometheus.one("up") if one.value == 0}
        groups = {("", one.job): [str(one) for one in errors] for one in errors}
    else:
        groups = defaultdict(list)
        for target in targets_of(prometheus):
            if target.health == "down":
                groups[_without_address(target), target.job].append(str(target))
    for (error, job), subjects in groups.items():
        remedy = next(
            (remedy for part, remedy in _REMEDIES if part in error), "start the exporter, or correct the target"
        )
        yield Finding(
            Level.CRITICAL,
            "target-down",
            f"Prometheus cannot scrape targets of the job {job}{': ' if error else ''}{error}",
            remedy,
            prometheus.place(job),
            tuple(sorted(subjects)),
        )


def metrics_that_are_dropped(chain: Chain) -> Iterator[Finding]:
    """Metrics that are on every scrape of a node, and that Prometheus does not have of a node that has ``vault_up``."""
    prometheus = chain.prometheus
    lacking: dict[str, list[str]] = defaultdict(list)
    nodes: dict[str, Sample] = {}
    for name in ALWAYS:
        there = {one.node for one in prometheus.one(name)}
        # vault_core_unsealed has the cluster that Vault says, where neither exporter nor Prometheus gives one.
        there |= {(job, "", instance) for job, _, instance in there}
        for node in prometheus.one("vault_up"):
            if node.node not in there:
                lacking[str(node)].append(name)
                nodes[str(node)] = node
    for names in sorted({tuple(one) for one in lacking.values()}):
        subjects = sorted(node for node, lacks in lacking.items() if tuple(lacks) == names)
        yield Finding(
            Level.CRITICAL,
            "metrics-dropped",
            f"nodes have vault_up and not {', '.join(names)}, which are on every page of the exporter: rules on them "
            "cannot fire",
            "keep vault_.* in metric_relabel_configs of the job",
            prometheus.place(nodes[subjects[0]].job),
            tuple(subjects),
        )


def nodes_that_are_not_scraped(chain: Chain) -> Iterator[Finding]:
    """Nodes that the cluster, the exporter or its configuration knows, and Prometheus does not scrape."""
    prometheus = chain.prometheus
    scraped: dict[str, set[str]] = defaultdict(set)
    nodes = [one for one in prometheus.one("up") if prometheus.job_names.is_node(one.job)]  # also those that are down
    for one in (*prometheus.one("vault_up"), *nodes):
        scraped[one.cluster].add(one.labels.get("instance", ""))
    for query, who in (
        ("ha_nodes", "the active node knows"),
        ("expected_nodes", "clusters in the exporter's configuration has"),
    ):
        most: dict[str, float] = {}
        for one in prometheus.one(query):
            most[one.cluster] = max(one.value, most.get(one.cluster, 0))
        for cluster, number in most.items():
            seen = scraped.get(cluster, set())
            if number > len(seen) and (seen or query == "expected_nodes"):
                known = {
                    node.labels.get("hostname", "")
                    for node in prometheus.one("ha_node_info")
                    if node.cluster == cluster
                }
                names = f" ({', '.join(sorted(known))})" if query == "ha_nodes" and known else ""
                yield Finding(
                    Level.WARNING,
                    "node-not-scraped",
                    f"{who} {number:g} nodes of the cluster {cluster or '(no label)'}{names}, and Prometheus scrapes "
                    f"{len(seen)}",
                    "add the missing nodes to targets of the exporter's configuration, use discovery of type cluster, "
                    "or scrape the exporters beside them as well",
                    "vault-exporter.yml: targets; prometheus.yml: scrape_configs",
                    tuple(sorted(seen)),
                )
    yield from _not_probed(prometheus)
    if chain.exporter is not None:
        there = {one.labels.get("instance", "") for one in prometheus.one("vault_up")}
        there |= {probed(target)[1] for target in prometheus.targets or ()}
        single = len(chain.exporter.targets) == 1 and bool(prometheus.one("vault_up"))
        missing = [one.settings.name for one in chain.exporter.targets if one.settings.name not in there and not single]
        if missing:
            yield Finding(
                Level.CRITICAL,
                "node-not-scraped",
                "targets of the exporter's configuration that no job of Prometheus scrapes",
                _SERVICE_DISCOVERY,
                prometheus.place(prometheus.job_names.node),
                tuple(sorted(missing)),
            )


def scrape_intervals(chain: Chain) -> Iterator[Finding]:
    """Scrape intervals that are longer than the windows of the rules hold."""
    longest = chain.pack.longest_interval(chain.prometheus)
    for (text, job), subjects in _settings(chain.prometheus, "scrape_interval"):
        interval = seconds(text)
        if interval > longest:
            stale = interval >= _STALE_SECONDS
            yield Finding(
                Level.CRITICAL if stale else Level.WARNING,
                "interval-too-long",
                f"the job {job} is scraped each {text}, and the loaded rules hold up to {longest:g} s"
                + (": series are gone between two scrapes" if stale else ": their windows miss scrapes"),
                "set scrape_interval to 1m or less"
                + ("" if stale else f", or load what `vault-exporter rules --set scrape_interval={text}` prints"),
                f"{chain.prometheus.place(job)}: scrape_interval",
                subjects,
            )


def scrape_timeouts(chain: Chain) -> Iterator[Finding]:
    """Scrapes that take nearly as long as they may."""
    prometheus = chain.prometheus
    slowest = {one.node: one.value for one in prometheus.one("slow_scrapes")}
    for (text, job), subjects in _settings(prometheus, "scrape_timeout"):
        names = frozenset(subjects)
        took = {
            str(target): max(slowest.get(target.node, 0.0), target.last_scrape_duration)
            for target in targets_of(prometheus)
            if str(target) in names and target.health != "down"
        }
        slow = {name: duration for name, duration in took.items() if duration > _SLOW_RATIO * seconds(text)}
        if slow:
            yield Finding(
                Level.WARNING,
                "timeout-too-short",
                f"scrapes of the job {job} take up to {max(slow.values()):.1f} s of their timeout of {text}",
                "raise scrape_timeout (at most scrape_interval), or give slow collectors an interval in the exporter",
                f"{prometheus.place(job)}: scrape_timeout",
                tuple(sorted(slow)),
            )


def _not_probed(prometheus: Prometheus) -> Iterator[Finding]:
    """Exporters that have more targets than Prometheus probes."""
    if prometheus.targets is None:
        return
    probes: dict[str, set[str]] = defaultdict(set)
    pages: dict[tuple[str, str, str], str] = {}
    for target in prometheus.targets:
        host, name = probed(target)
        if name:
            probes[host].add(name)
        else:
            pages[target.node] = host
    every = set().union(*probes.values())
    found: dict[tuple[float, int], set[str]] = defaultdict(set)
    for one in prometheus.one("exporter_targets"):
        # Its page may be scraped by the address of a pod, and its probes by the name of a service.
        number_probed = len(probes.get(pages.get(one.node, ""), every))
        if one.node in pages and one.value > max(number_probed, 1):
            found[one.value, number_probed].add(str(one))
    for (number, number_probed), subjects in found.items():
        yield Finding(
            Level.WARNING if number_probed else Level.CRITICAL,
            "node-not-scraped",
            f"the exporter has {number:g} targets, and Prometheus probes {number_probed} of them",
            _SERVICE_DISCOVERY,
            prometheus.place(prometheus.job_names.node),
            tuple(sorted(subjects)),
        )


def _settings(prometheus: Prometheus, key: str) -> Iterable[tuple[tuple[str, str], tuple[str, ...]]]:
    """Return the targets by a setting and their job."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for target in targets_of(prometheus):
        if text := getattr(target, key):
            found[text, target.job].append(str(target))
    return [(key, tuple(sorted(subjects))) for key, subjects in found.items()]


def _without_address(target: Target) -> str:
    """Return the error without the addresses, so that one cause is one finding."""
    error = target.last_error.replace(target.scrape_url, "URL").rpartition('"URL": ')[2]
    return _ADDRESS.sub("", error.removeprefix("dial tcp").lstrip(": "))


def _by_job(samples: Iterable[Sample]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[Sample]] = defaultdict(list)
    for one in samples:
        found[one.job].append(one)
    return {job: texts(ones) for job, ones in found.items()}
