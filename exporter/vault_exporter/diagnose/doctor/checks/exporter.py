"""Does the exporter itself work: its version, its token, the telemetry, the audit logs?"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from vault_exporter import __version__
from vault_exporter.diagnose.doctor.chain import Chain
from vault_exporter.diagnose.doctor.finding import Finding, Level
from vault_exporter.diagnose.online import TargetDiagnosis
from vault_exporter.metrics.reasons import Reason
from vault_exporter.web.status.words import REASONS, REMEDIES

__all__ = [
    "audit_devices",
    "audit_logs",
    "collectors",
    "configuration",
    "own_state",
    "telemetry",
    "tokens",
    "versions",
]

_FILE: Final = "vault-exporter.yml"
_TELEMETRY: Final = {
    "unknown_prefix": "remove metrics_prefix from Vault's telemetry block, set disable_hostname = true, and let "
    "prefix_filter keep vault.runtime and vault.core",
    "permission_denied": "give the exporter's token the policy that `vault-exporter policy` prints, or set "
    "unauthenticated_metrics_access in Vault's listener",
    "disabled": 'set prometheus_retention_time = "24h" in Vault\'s telemetry block',
    "failed": "look at the exporter's log; the reason is that of the collector telemetry",
}
"""Bad values of ``vault_exporter_telemetry_status``, as in docs/troubleshooting.md."""

_ADDRESS: Final = "Correct the target's address: it has to lead to Vault itself."
_IN_BETWEEN: Final = "Look at what is between Vault and the exporter: Vault answers sys/health without a token."
_LOG: Final = "Run `vault-exporter check --online --config FILE`, which has the error, and look at the exporter's log."
_OTHER_REMEDIES: Final = {
    **dict.fromkeys((Reason.TOO_LARGE, Reason.BAD_REPLY, Reason.REDIRECT, Reason.NOT_FOUND), _ADDRESS),
    **dict.fromkeys((Reason.PERMISSION_DENIED, Reason.HTTP_4XX), _IN_BETWEEN),
    Reason.RATE_LIMITED: "Leave sys/health out of the rate limit quotas, in Vault and in what is before it.",
    Reason.LOGIN_FAILED: _LOG,
    Reason.OTHER: _LOG,
}
"""What to do about a node that is down, where the status page has no sentence for it."""


def versions(chain: Chain) -> Iterator[Finding]:
    """Exporters of several versions, or of another one than this command."""
    found: dict[str, list[str]] = defaultdict(list)
    for one in chain.prometheus.one("build"):
        found[one.labels.get("version", "")].append(str(one))
    others = {version: subjects for version, subjects in found.items() if version != __version__}
    if others:
        yield Finding(
            Level.WARNING,
            "exporter-version",
            f"exporters run {', '.join(sorted(others))}, and this command is {__version__}: rules and dashboards are "
            "compared with those of this version",
            "upgrade the exporters, or run the doctor of their version",
            "the exporter's package or image",
            tuple(sorted(subject for subjects in others.values() for subject in subjects)),
        )


def own_state(chain: Chain) -> Iterator[Finding]:
    """A configuration that was refused, and discoveries that fail."""
    if failed := chain.prometheus.one("reload"):
        yield Finding(
            Level.WARNING,
            "reload-failed",
            "the exporter refused its configuration, goes on with the one before, and will not start again",
            "correct the file (`vault-exporter check --config FILE` says where), then reload (SIGHUP) or restart the "
            "exporter",
            _FILE,
            tuple(sorted(map(str, failed))),
        )
    if failed := chain.prometheus.one("discovery"):
        yield Finding(
            Level.WARNING,
            "discovery-failing",
            "the exporter cannot discover its targets: nodes that came since have no alerts",
            "run `vault-exporter check --online --config FILE`, which has the reason",
            f"{_FILE}: discovery",
            tuple(sorted(f"{one}: {one.labels.get('type')} {one.labels.get('source')}" for one in failed)),
        )
    if dropped := chain.prometheus.one("discovery_dropped"):
        yield Finding(
            Level.WARNING,
            "discovery-dropped",
            "the exporter leaves discovered nodes out, since there are more than max_targets",
            "raise max_targets, if all are meant",
            f"{_FILE}: discovery: max_targets",
            tuple(sorted(f"{one}: {one.value:g} nodes" for one in dropped)),
        )


def telemetry(chain: Chain) -> Iterator[Finding]:
    """Nodes whose own telemetry does not come. A node that is down has its own alert."""
    up = {one.node for one in chain.prometheus.one("vault_up") if one.value == 1}
    found: dict[str, list[str]] = defaultdict(list)
    for one in chain.prometheus.one("telemetry"):
        if one.node in up and one.labels.get("status") in _TELEMETRY:
            found[one.labels.get("status", "")].append(str(one))
    for status, subjects in sorted(found.items()):
        yield Finding(
            Level.WARNING,
            "telemetry",
            f"Vault's own telemetry is not usable: {status}",
            _TELEMETRY[status],
            "Vault's telemetry and listener blocks",
            tuple(sorted(subjects)),
        )


def collectors(chain: Chain) -> Iterator[Finding]:
    """Collectors that fail. A node that is down has its own alert."""
    up = {one.node for one in chain.prometheus.one("vault_up") if one.value == 1}
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one in chain.prometheus.one("collector_failures"):
        collector = one.labels.get("collector", "")
        if one.node in up and collector != "telemetry":  # which has a finding of its own
            found[one.labels.get("reason", ""), collector].append(str(one))
    by_reason: dict[str, dict[str, list[str]]] = defaultdict(dict)
    for (reason, collector), subjects in found.items():
        by_reason[reason][collector] = subjects
    for reason, failing in sorted(by_reason.items()):
        denied = reason in {"permission_denied", "login_failed"}
        yield Finding(
            Level.WARNING,
            "collector-failing",
            f"collectors fail with the reason {reason}: {', '.join(sorted(failing))}; their alerts cannot fire",
            "give the exporter's token the policy that `vault-exporter policy --config FILE` prints"
            if denied
            else "see the reason in docs/troubleshooting.md, and the exporter's log",
            "Vault: the policy of the exporter's token" if denied else f"{_FILE}: targets",
            tuple(sorted({subject for subjects in failing.values() for subject in subjects})),
        )


def tokens(chain: Chain) -> Iterator[Finding]:
    """Exporters without a valid token, on nodes that answer."""
    up = {one.node for one in chain.prometheus.one("vault_up") if one.value == 1}
    if invalid := [one for one in chain.prometheus.one("token_valid") if one.value == 0 and one.node in up]:
        yield Finding(
            Level.WARNING,
            "token-invalid",
            "the exporter has no valid token: what needs one is not known",
            "run `vault-exporter check --online --config FILE`, which has Vault's reason",
            f"{_FILE}: auth",
            tuple(sorted(map(str, invalid))),
        )


def audit_logs(chain: Chain) -> Iterator[Finding]:
    """Audit logs that are not read, or are read late."""
    if unread := [one for one in chain.prometheus.one("audit_readers") if one.value == 0]:
        yield Finding(
            Level.CRITICAL,
            "audit-unread",
            "audit logs cannot be read: no security event in them raises an alert",
            "run the exporter as Vault's user, or set mode on the audit device: Vault writes the file with mode 0600",
            f"{_FILE}: audit.logs",
            tuple(sorted(f"{one}: {one.labels.get('log', '')}" for one in unread)),
        )
    if late := chain.prometheus.one("audit_behind"):
        yield Finding(
            Level.WARNING,
            "audit-behind",
            f"the exporter is up to {max(one.value for one in late) / 60:.0f} minutes behind in audit logs",
            "give it more CPU, or leave entries out with audit.exclude",
            f"{_FILE}: audit",
            tuple(sorted(f"{one}: {one.labels.get('log', '')}" for one in late)),
        )


def audit_devices(chain: Chain) -> Iterator[Finding]:
    """Clusters that have audit devices, where no exporter follows one."""
    followed = {one.cluster for one in chain.prometheus.one("audit_readers")}
    devices: dict[str, set[str]] = defaultdict(set)
    for one in chain.prometheus.one("audit_devices"):
        devices[one.cluster].add(one.labels.get("type", ""))
    for cluster, kinds in sorted(devices.items()):
        if cluster not in followed and followed:  # without any, metrics-never-came says it
            yield Finding(
                Level.WARNING,
                "audit-not-followed",
                f"the cluster {cluster or '(no label)'} has audit devices ({', '.join(sorted(kinds))}), and no "
                "exporter with that label cluster follows one",
                "run an exporter beside each node with audit.logs, or send the log to audit.inputs; give its page the "
                "same label cluster",
                f"{_FILE}: audit.logs",
                (cluster,),
            )


def configuration(chain: Chain) -> Iterator[Finding]:
    """What ``check --online`` finds with the configuration, by problem."""
    if chain.exporter is None:
        return
    for state in chain.exporter.discoveries:
        if state.error:
            yield Finding(
                Level.WARNING,
                "discovery-failing",
                f"discovery {state.settings}: {state.error}",
                "correct the address, the name or the login of the discovery",
                f"{_FILE}: discovery",
            )
    for log, error in chain.exporter.log_errors:
        problem, _, remedy = error.partition("; ")
        yield Finding(
            Level.CRITICAL, "audit-unread", f"audit log {log}: {problem}", remedy, f"{_FILE}: audit.logs", (log,)
        )
    yield from _down(chain.exporter.targets)
    found: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for target in chain.exporter.targets:
        for finding in target.findings:
            if finding.problem and not target.down:
                found[finding.name, finding.problem, finding.remedy].append(target.settings.name)
    for (name, problem, remedy), targets in found.items():
        yield Finding(
            Level.WARNING,
            "check-online",
            f"{name}: {problem}",
            " ".join(remedy.split()) or "see docs/troubleshooting.md",
            f"{_FILE}: targets",
            tuple(sorted(targets)),
        )


def _down(targets: Iterable[TargetDiagnosis]) -> Iterator[Finding]:
    """Yield the nodes that are down, by reason, in the words of the status page."""
    down: dict[Reason, list[str]] = defaultdict(list)
    for target in targets:
        if target.down:
            down[target.scrape.state.failure or Reason.OTHER].append(target.settings.name)
    for reason, names in sorted(down.items()):
        remedy = REMEDIES.get(reason) or _OTHER_REMEDIES[reason]
        yield Finding(
            Level.CRITICAL,
            "check-online",
            f"the node is down: {REASONS[reason]}",
            f"{remedy[0].lower()}{remedy[1:].removesuffix('.')}",
            f"the node, or {_FILE}: targets: address",
            tuple(sorted(names)),
        )
