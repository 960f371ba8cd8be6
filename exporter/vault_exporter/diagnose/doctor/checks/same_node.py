"""Which targets and series are of one node?"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple
from urllib.parse import parse_qs, urlsplit

from vault_exporter.diagnose.doctor.chain import Chain
from vault_exporter.diagnose.doctor.finding import Finding, Level
from vault_exporter.diagnose.doctor.read.prometheus import Prometheus, Sample, Target

__all__ = ["NotSelected", "nodes_that_are_scraped_twice", "not_selected", "probed", "targets_of", "texts"]

_PROBE: Final = "/probe"
_WITHOUT_NODE: Final = (
    "metric_relabel_configs: [{source_labels: [__name__], regex: '(vault_(exporter|audit|backup)|process|python)_.+', "
    "action: keep}]"
)
"""What leaves the node's metrics out of the exporter's own job."""


class NotSelected(NamedTuple):
    """The series ``vault_up`` under jobs that the rules do not select."""

    alone: tuple[Sample, ...]
    """Of nodes that no selected job has."""
    pages: tuple[Sample, ...]
    """Of exporters' own pages, which show their one node, where a selected job has it, too."""


def nodes_that_are_scraped_twice(chain: Chain) -> Iterator[Finding]:
    """One node under several jobs or labels: it counts twice."""
    prometheus = chain.prometheus
    places: dict[tuple[str, str], list[Target]] = defaultdict(list)
    for target in targets_of(prometheus):
        if probed(target)[1]:
            places[probed(target)].append(target)
    same_url = {
        name: sorted(f"{one} of cluster {one.labels.get('cluster') or '(none)'}" for one in targets)
        for (_, name), targets in places.items()
        if len({tuple(sorted(one.labels.items())) for one in targets}) > 1
    }
    nodes: dict[tuple[str, str], list[Sample]] = defaultdict(list)
    for one in prometheus.one("vault_up"):
        nodes[one.cluster, one.labels.get("instance", "")].append(one)
    same_name = {name: texts(found) for (_, name), found in nodes.items() if len(found) > 1 and name not in same_url}
    for name, subjects in sorted({**same_url, **same_name}.items()):
        yield Finding(
            Level.WARNING,
            "node-scraped-twice",
            f"the node {name} is scraped {len(subjects)} times; it counts as that many nodes",
            "keep one of the jobs or targets",
            prometheus.place(""),
            tuple(subjects),
        )
    if pages := not_selected(prometheus).pages:
        yield Finding(
            Level.WARNING,
            "node-scraped-twice",
            f"the job {pages[0].job} scrapes /metrics of an exporter with one target, which shows that node, too, and "
            f"another job probes it: alerts hold, and dashboards count the node twice",
            f"drop the node's metrics from the exporter's own job ({_WITHOUT_NODE}), or scrape only one of them: "
            f"/metrics alone, under the job {prometheus.job_names.node}, is enough for an exporter with one target",
            f"{prometheus.place(pages[0].job)}: metric_relabel_configs",
            texts(pages),
        )


def not_selected(prometheus: Prometheus) -> NotSelected:
    """Find the nodes under jobs that the rules do not select, and whether a selected job has them, too."""
    names = prometheus.job_names
    selected = [one for one in prometheus.one("vault_up") if names.is_node(one.job)]
    others = [one for one in prometheus.one("vault_up") if not names.is_node(one.job)]
    known = {(one.cluster, one.node[2]) for one in selected}
    where = {(target.job, target.node[2]): probed(target) for target in prometheus.targets or ()}
    probes = {where[one.job, one.node[2]] for one in selected if (one.job, one.node[2]) in where}
    hosts = {host for host, _ in probes}
    exporters = {(one.job, one.node[2]) for one in prometheus.one("build") if names.is_ours(one.job)}
    # The page may be scraped by the address of a pod, and probed by the name of a service.
    enough = Counter(one.cluster for one in selected)
    enough.subtract(one.cluster for one in others if (one.job, one.node[2]) in exporters)
    alone, pages = [], []
    for one in others:
        key = (one.job, one.node[2])
        host, name = where.get(key, ("", ""))
        if (one.cluster, one.node[2]) in known or (name and (host, name) in probes):
            continue  # the same labels, or the same probe: it is found by those
        if not name and key in exporters and (host in hosts or enough[one.cluster] >= 0):
            pages.append(one)
        else:
            alone.append(one)
    return NotSelected(tuple(alone), tuple(pages))


def targets_of(prometheus: Prometheus) -> Iterator[Target]:
    """Yield the targets of Vault nodes and exporters, by job or by what they give."""
    nodes = {one.node for name in ("vault_up", "build") for one in prometheus.one(name)}
    for target in prometheus.targets or ():
        if prometheus.job_names.is_ours(target.job) or target.node in nodes:
            yield target


def probed(target: Target) -> tuple[str, str]:
    """Return the exporter's host and port, and the name of the target; the name is empty unless it is a probe."""
    url = urlsplit(target.scrape_url)
    name = parse_qs(url.query).get("target", [""])[0] if url.path.endswith(_PROBE) else ""
    return url.netloc, name


def texts(samples: Iterable[Sample]) -> tuple[str, ...]:
    """Return the names of the nodes, sorted."""
    return tuple(sorted(map(str, samples)))
