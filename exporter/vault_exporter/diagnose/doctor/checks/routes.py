"""Do Alertmanager's routes lead each alert to somebody?"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final

from vault_exporter.diagnose.doctor.chain import Chain
from vault_exporter.diagnose.doctor.finding import Finding, Level
from vault_exporter.diagnose.doctor.matching import Hop, path_of
from vault_exporter.diagnose.doctor.pack import HEARTBEAT, INHIBITOR
from vault_exporter.diagnose.doctor.read.alertmanager import Alertmanager
from vault_exporter.diagnose.doctor.read.prometheus import seconds
from vault_exporter.diagnose.doctor.read.rules_in_force import LoadedRule

__all__ = ["heartbeat", "labels_of", "routes_that_end_nowhere"]

_PLACE: Final = "alertmanager.yml: route"
_LARGEST: Final = 20
"""Clusters whose routes are followed."""
_SLOWEST_BEAT_SECONDS: Final = 1800
_DEFAULT_REPEAT: Final = "4h"
_TELLS: Final = frozenset({"critical", "warning"})


def routes_that_end_nowhere(chain: Chain) -> Iterator[Finding]:
    """Alerts whose route leads to a receiver that does nothing, or to no receiver that exists."""
    alertmanager = chain.alertmanager
    if alertmanager is None:
        return
    nowhere: dict[tuple[str, str], set[str]] = defaultdict(set)
    for _, rule in chain.pack.loaded(chain.prometheus):
        severity = chain.pack.severity(rule)
        if severity not in _TELLS or rule.name in {HEARTBEAT, INHIBITOR}:
            continue
        for labels in labels_of(chain, rule):
            hops = tuple(path_of(alertmanager.route, labels))
            if not any(_tells(alertmanager, hop) for hop in hops):
                names = ", ".join(sorted({hop.receiver for hop in hops}))
                nowhere[severity, names].add(rule.name)
    for (severity, receivers), alerts in nowhere.items():
        yield Finding(
            Level.CRITICAL if severity == "critical" else Level.WARNING,
            "route-to-nowhere",
            f"{len(alerts)} {severity} alerts end at the receiver {receivers}, which has no integration: none is told",
            "merge alerts/alertmanager/subtree.yml, or give the receiver pagerduty_configs, or another integration",
            f"{_PLACE}, and receivers: {receivers}",
            tuple(sorted(alerts)),
        )


def heartbeat(chain: Chain) -> Iterator[Finding]:
    """VaultWatchdog must reach a dead man's switch, often enough."""
    alertmanager = chain.alertmanager
    if alertmanager is None:
        return
    for rule in (rule for _, rule in chain.pack.loaded(chain.prometheus) if rule.name == HEARTBEAT):
        hops = tuple(hop for labels in labels_of(chain, rule) for hop in path_of(alertmanager.route, labels))
        told = [hop for hop in hops if _tells(alertmanager, hop)]
        if not told:
            yield Finding(
                Level.WARNING,
                "no-heartbeat",
                f"{HEARTBEAT} ends at the receiver {hops[0].receiver if hops else ''}, which has no integration: "
                "nobody learns that Prometheus or Alertmanager is gone",
                "route it to a webhook of a dead man's switch, as vault-heartbeat in alerts/alertmanager does",
                _PLACE,
                (HEARTBEAT,),
            )
            return
        slowest = min(seconds(str(hop.settings.get("repeat_interval") or _DEFAULT_REPEAT)) for hop in told)
        if slowest > _SLOWEST_BEAT_SECONDS:
            yield Finding(
                Level.WARNING,
                "no-heartbeat",
                f"{HEARTBEAT} goes to {told[0].receiver} once in {slowest / 60:.0f} minutes: a dead man's switch would "
                "page that late, and a receiver for people gets it for ever",
                "route it to a webhook of a dead man's switch with repeat_interval: 50s, group_interval: 20s",
                _PLACE,
                (HEARTBEAT,),
            )
        return


def labels_of(chain: Chain, rule: LoadedRule) -> Iterator[Mapping[str, str]]:
    """Yield the labels of a rule's alerts, as far as they are known before it fires: one set a cluster."""
    config = chain.prometheus.config
    external = config.external_labels if config else {}
    own = {name: value for name, value in rule.labels.items() if "{{" not in value}
    default = external.get("cluster", "default")
    clusters = sorted({one.cluster or default for one in chain.prometheus.one("vault_up")})[:_LARGEST] or [default]
    for cluster in clusters:
        yield {**external, **own, "alertname": rule.name, "cluster": own.get("cluster", cluster)}


def _tells(alertmanager: Alertmanager, hop: Hop) -> bool:
    receiver = alertmanager.receivers.get(hop.receiver)
    return receiver is not None and bool(receiver.integrations)
