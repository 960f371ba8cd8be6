"""The faults: what is done to the lab, how it is undone, and who must be told."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from tests.faults import machines, on_raft, requests
from tests.faults.lab import MEMORY_LIMIT, Lab
from tests.faults.scaled import PATIENT, Pace


def nothing(_: Lab) -> None:
    """Leave everything as it is."""


@dataclass(frozen=True)
class Fault:
    """One row of the matrix."""

    name: str
    pages: frozenset[str]
    """Alerts that PagerDuty must get, and no other: one incident each."""
    inject: Callable[[Lab], None] = nothing
    prepare: Callable[[Lab], None] = nothing
    """Done before, while all is well."""
    tick: Callable[[Lab], None] = nothing
    """Done about once a second while the fault lasts."""
    heal: Callable[[Lab], None] = nothing
    literals: Mapping[str, str] = field(default_factory=dict)
    """Thresholds that are lowered while the fault lasts."""
    pace: Pace = Pace()  # noqa: RUF009 - frozen
    """How fast rules are while it lasts."""


CRASHING: Final = Pace(speed=12, shortest=25, window=25)
"""A turn of a crash loop takes some 15 s here, and rules look back for a quarter of an hour."""
SCRAPED_SLOWLY: Final = Pace(speed=60 / machines.SLOW_INTERVAL, shortest=15, window=45)


def fast_again(heal: Callable[[Lab], None]) -> Callable[[Lab], None]:
    """Undo it, and scrape as usual."""

    def undone(lab: Lab) -> None:
        heal(lab)
        machines.scrape_as_usual(lab)

    return undone


def _pages(*names: str) -> frozenset[str]:
    return frozenset(names)


FAULTS: Final = (
    # Scraped once a minute, at a quarter of the time. These come before any event, since at their pace an alert on an
    # event goes on for minutes. Nodes are sealed last, since for minutes afterwards an outage is one of sealed nodes.
    Fault(
        "scraped each 60 s: PostgreSQL stopped",
        _pages("VaultStorageUnavailable"),
        lambda lab: lab.cluster.postgres.stop(),
        prepare=machines.scrape_slowly,
        heal=fast_again(machines.start_storage),
        pace=SCRAPED_SLOWLY,
    ),
    Fault(
        "scraped each 60 s: memory over the limit (lowered)",
        _pages("VaultHighMemoryUsage"),
        nothing,
        prepare=machines.scrape_slowly,
        heal=fast_again(nothing),
        literals={MEMORY_LIMIT: "2000000"},
        pace=SCRAPED_SLOWLY,
    ),
    Fault(
        "scraped each 60 s: all nodes sealed",
        _pages("VaultClusterSealed"),
        requests.seal_all,
        prepare=machines.scrape_slowly,
        heal=fast_again(Lab.mend),
        pace=SCRAPED_SLOWLY,
    ),
    # A turn takes a while.
    Fault(
        "one standby in a crash loop",
        _pages("VaultUnstable"),
        tick=machines.restart_standby_again_and_again,
        heal=Lab.mend,
        pace=CRASHING,
    ),
    Fault(
        "all nodes in a crash loop, never unsealed",
        _pages("VaultClusterSealed"),
        tick=machines.restart_all_again_and_again,
        heal=Lab.mend,
        pace=CRASHING,
    ),
    # Leadership may move.
    Fault("ordinary load", _pages(), pace=PATIENT),
    Fault("the active node killed", _pages("VaultDown"), lambda lab: lab.leader.kill(), heal=Lab.mend, pace=PATIENT),
    Fault(
        "PostgreSQL stopped",
        _pages("VaultStorageUnavailable"),
        lambda lab: lab.cluster.postgres.stop(),
        heal=machines.start_storage,
        pace=PATIENT,
    ),
    Fault("rolling restart", _pages(), machines.restart_one_by_one, pace=PATIENT),
    Fault(
        "all nodes sealed",
        _pages("VaultClusterSealed"),
        requests.seal_all,
        heal=Lab.mend,
        pace=PATIENT,
    ),
    Fault("all nodes killed", _pages("VaultDown"), machines.kill_all, heal=Lab.mend, pace=PATIENT),
    Fault(
        "audit logs on a full file system",
        _pages("VaultAuditBlocked"),
        machines.fill,
        heal=machines.make_room,
        pace=PATIENT,
    ),
    Fault(
        "telemetry turned off on a standby",
        _pages("VaultTelemetryMissing"),
        machines.turn_telemetry_off,
        heal=machines.turn_telemetry_on,
        pace=PATIENT,
    ),
    # It stays where it is.
    Fault("one standby killed", _pages("VaultDown"), lambda lab: lab.standby.kill(), heal=Lab.mend),
    Fault("a standby hung (SIGSTOP)", _pages("VaultDown"), machines.hang, heal=Lab.mend),
    Fault("one standby sealed", _pages("VaultSealed"), requests.seal, heal=Lab.mend),
    Fault(
        "a node leaves the targets",
        _pages("VaultNodesMissing"),
        machines.take_node_from_targets,
        heal=machines.scrape_as_usual,
    ),
    Fault(
        "the exporter's own page blocked",
        _pages("VaultExporterPageDown"),
        machines.block_own_page,
        heal=machines.scrape_as_usual,
    ),
    Fault(
        "the exporter beside the active node killed",
        _pages("VaultDown", "VaultActiveNodeUnseen"),
        machines.kill_sidecar,
        prepare=machines.start_sidecar_of_the_active_node,
        heal=machines.scrape_as_usual,
    ),
    Fault("exporter killed", _pages("VaultExporterDown"), machines.kill_exporter, heal=machines.start_exporter),
    Fault(
        "audit log unreadable to the exporter",
        _pages("VaultAuditReaderDown"),
        machines.hide_log,
        heal=machines.show_log,
    ),
    Fault("root token used", _pages("VaultRootTokenUsed"), requests.use_root),
    Fault(
        "root token used while Prometheus is stopped",
        _pages("VaultRootTokenUsed"),
        machines.use_root_while_prometheus_is_away,
    ),
    Fault(
        "root token created with a root token",
        _pages("VaultRootTokenUsed"),
        requests.create_root,
    ),
    Fault(
        "generate-root started", _pages("VaultRekeyOrGenerateRoot"), requests.generate_root, heal=requests.cancel_root
    ),
    Fault("rekey started", _pages("VaultRekeyOrGenerateRoot"), requests.rekey, heal=requests.cancel_rekey),
    Fault(
        "snapshot taken and restored on raft, with a root token",
        _pages("VaultRootTokenUsed", "VaultSnapshotRestored"),
        machines.snapshot,
    ),
    Fault("policy changed", _pages(), requests.write_policy),
    Fault("auth method enabled and disabled", _pages(), requests.enable_auth),
    Fault("secrets engine enabled and disabled", _pages(), requests.enable_engine),
    Fault("audit device disabled (which OpenBao refuses)", _pages(), requests.disable_audit),
    Fault("login failures", _pages("VaultLoginFailureSpike"), tick=requests.guess),
    Fault("a user locked out", _pages("VaultUserLocked"), requests.lock_out, heal=requests.let_in),
    Fault("denied requests", _pages("VaultPermissionDeniedSpike"), tick=requests.look_around),
    Fault("quota violated", _pages("VaultQuotaViolations"), requests.limit, heal=requests.unlimit),
    Fault("the canary fails", _pages("VaultCanaryFailing"), requests.limit_canary, heal=requests.unlimit_canary),
    Fault("memory over the limit (lowered)", _pages("VaultHighMemoryUsage"), literals={MEMORY_LIMIT: "2000000"}),
    Fault("lease surge (limit lowered)", _pages("VaultLeaseSurge"), tick=requests.log_in, literals={"> 10000": "> 30"}),
    Fault(
        "key rotation overdue (limit lowered)",
        _pages("VaultBarrierKeyRotationOverdue"),
        requests.rotate_by_hand,
        heal=requests.rotate_by_itself,
        literals={"> 7776000": "> 60"},
    ),
    Fault("backup stale", _pages("VaultBackupStale"), machines.age_backup, heal=machines.back_up),
    Fault(
        "a certificate near its end",
        _pages("VaultCertificateExpiresNow"),
        machines.short_certificate,
        heal=machines.long_certificate,
    ),
    Fault(
        "exporter's token near its end (limit raised)",
        _pages("VaultExporterTokenExpiring"),
        literals={"- time() < 120\n": "- time() < 90000\n"},
    ),
    Fault(
        "a watched token near its end",
        _pages("VaultWatchedTokenExpiring"),
        requests.shorten_token,
        heal=requests.lengthen_token,
    ),
    Fault(
        "a secret-id near its end",
        _pages("VaultAppRoleSecretIdExpiring"),
        requests.short_secret_id,
        heal=requests.long_secret_id,
    ),
    Fault(
        "a database that cannot be reached to rotate (limit lowered)",
        _pages("VaultDatabaseRotationOverdue"),
        requests.lose_database,
        heal=requests.find_database,
        literals={") > 900": ") > 20"},
    ),
    # Alerts look back for a day at the number of nodes of a cluster, so these come last.
    Fault(
        "a node removed from raft goes on answering",
        _pages("VaultRemovedFromCluster", "VaultQuorumAtRisk"),
        on_raft.remove_peer,
        prepare=on_raft.scrape_cluster,
        heal=on_raft.join_anew,
    ),
    Fault(
        "a cluster leaves the targets",
        _pages("VaultClusterMissing"),
        machines.take_cluster_from_targets,
        prepare=machines.scrape_another_cluster,
        heal=machines.add_cluster_to_targets,
    ),
)
