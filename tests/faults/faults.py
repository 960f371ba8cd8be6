"""The faults: what is done to the lab, how it is undone, and who must be told."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.faults.lab import BACKUP, MEMORY_LIMIT, Lab
from tests.lab import api
from vault_exporter.demo.process import wait_until


def nothing(_: Lab) -> None:
    """Leave everything as it is."""


@dataclass(frozen=True)
class Fault:
    """One row of the matrix."""

    name: str
    pages: frozenset[str]
    """Alerts that PagerDuty must get, and no other: one incident each."""
    inject: Callable[[Lab], None] = nothing
    tick: Callable[[Lab], None] = nothing
    """Done about once a second while the fault lasts."""
    heal: Callable[[Lab], None] = nothing
    literals: Mapping[str, str] = field(default_factory=dict)
    """Thresholds that are lowered while the fault lasts."""


def _each(lab: Lab, number: signal.Signals) -> None:
    for node in lab.nodes:
        assert node.server is not None
        node.server.service.signal(number)


def _kill_all(lab: Lab) -> None:
    for node in lab.nodes:
        node.kill()


def _seal(lab: Lab) -> None:
    assert api.call(lab.standby.address, "PUT", "sys/seal", lab.admin).status == 204


def _seal_all(lab: Lab) -> None:
    leader = lab.leader
    for node in [*(node for node in lab.nodes if node is not leader), leader]:
        assert api.call(node.address, "PUT", "sys/seal", lab.admin).status == 204


def _hang(lab: Lab) -> None:
    server = lab.standby.server
    assert server is not None
    server.service.signal(signal.SIGSTOP)


def _start_storage(lab: Lab) -> None:
    lab.cluster.postgres.start()
    lab.mend()


def _kill_exporter(lab: Lab) -> None:
    lab.exporter.service.kill()


def _start_exporter(lab: Lab) -> None:
    lab.exporter = lab.start_exporter()


def _fill(lab: Lab) -> None:
    """Have each node log to a file system of 64 KiB, and fill it."""
    for node in lab.nodes:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "vault-exporter", node.audit_log.parent], check=True)
    _each(lab, signal.SIGHUP)
    for node in lab.nodes:
        wait_until(node.audit_log.exists, timeout=10, what=f"the log of {node.name}")
        with contextlib.suppress(OSError), _filler(node.audit_log).open("wb", buffering=0) as file:
            while True:
                file.write(b"\0" * 512)


def _make_room(lab: Lab) -> None:
    for node in lab.nodes:
        subprocess.run(["umount", "--lazy", node.audit_log.parent], check=True)
    _each(lab, signal.SIGHUP)


def _filler(log: Path) -> Path:
    return log.with_name("filler")


def _hide_log(lab: Lab) -> None:
    """Put a directory in the log's place: Vault goes on writing its open file, and the exporter cannot open it."""
    log = lab.standby.audit_log
    log.rename(log.with_suffix(".aside"))
    log.mkdir()


def _show_log(lab: Lab) -> None:
    for node in lab.nodes:
        if node.audit_log.is_dir():
            node.audit_log.rmdir()
            node.audit_log.with_suffix(".aside").rename(node.audit_log)


def _use_root(lab: Lab) -> None:
    assert api.call(lab.leader.address, "GET", "sys/mounts", lab.cluster.root_token).status == 200


def _create_root(lab: Lab) -> None:
    made = api.call(lab.leader.address, "POST", "auth/token/create", lab.cluster.root_token, policies=["root"])
    assert made.status == 200


def _generate_root(lab: Lab) -> None:
    assert lab.call("PUT", "sys/generate-root-token/attempt").status == 200


def _cancel_root(lab: Lab) -> None:
    assert lab.call("DELETE", "sys/generate-root-token/attempt").status == 204


def _write_policy(lab: Lab) -> None:
    assert lab.call("PUT", "sys/policies/acl/other", policy='path "other/*" { capabilities = ["read"] }').status == 204


def _disable_audit(lab: Lab) -> None:
    """Try to; OpenBao refuses it for a device that its configuration declares."""
    assert lab.call("DELETE", "sys/audit/file").status == 400


_guesses = iter(range(1_000_000))


def _guess(lab: Lab) -> None:
    for _ in range(4):
        # A name of its own each time, so that nobody is locked out.
        api.call(lab.leader.address, "PUT", f"auth/userpass/login/guess-{next(_guesses)}", password="wrong")


def _look_around(lab: Lab) -> None:
    for name in ("one", "two", "three", "four"):
        assert api.call(lab.leader.address, "GET", f"other/{name}", lab.app).status == 403


def _log_in(lab: Lab) -> None:
    for _ in range(4):
        api.call(lab.leader.address, "PUT", "auth/userpass/login/someone", password="right-one")


def _limit(lab: Lab) -> None:
    assert lab.call("POST", "sys/quotas/rate-limit/app", path="app", rate=1, interval="1s").status == 204


def _unlimit(lab: Lab) -> None:
    assert lab.call("DELETE", "sys/quotas/rate-limit/app").status == 204


def _age_backup(lab: Lab) -> None:
    two_hours_ago = time.time() - 7200
    os.utime(lab.directory / "backups" / BACKUP, (two_hours_ago, two_hours_ago))


def _back_up(lab: Lab) -> None:
    (lab.directory / "backups" / BACKUP).touch()


def _restart_one_by_one(lab: Lab) -> None:
    leader = lab.leader
    for node in [*(node for node in lab.nodes if node is not leader), leader]:
        node.stop()
        node.start()
        wait_until(lambda node=node: node.health() == 503, timeout=60, what=node.name)  # type: ignore[misc]
        api.unseal(node.address, lab.cluster.keys)
        wait_until(lab.serves, timeout=60, what=f"{node.name} restarted")


def _pages(*names: str) -> frozenset[str]:
    return frozenset(names)


FAULTS: Final = (
    Fault("ordinary load", _pages()),
    Fault("one standby killed", _pages("VaultDown"), lambda lab: lab.standby.kill(), heal=Lab.mend),
    Fault("the active node killed", _pages("VaultDown"), lambda lab: lab.leader.kill(), heal=Lab.mend),
    Fault("a standby hung (SIGSTOP)", _pages("VaultDown"), _hang, heal=Lab.mend),
    Fault("one standby sealed", _pages("VaultSealed", "VaultSealCalled"), _seal, heal=Lab.mend),
    Fault(
        "PostgreSQL stopped",
        _pages("VaultStorageUnavailable"),
        lambda lab: lab.cluster.postgres.stop(),
        heal=_start_storage,
    ),
    Fault("rolling restart", _pages(), _restart_one_by_one),
    Fault("all nodes sealed", _pages("VaultClusterSealed", "VaultSealCalled"), _seal_all, heal=Lab.mend),
    Fault("all nodes killed", _pages("VaultDown"), _kill_all, heal=Lab.mend),
    Fault("exporter killed", _pages("VaultExporterDown"), _kill_exporter, heal=_start_exporter),
    Fault("audit logs on a full file system", _pages("VaultAuditBlocked"), _fill, heal=_make_room),
    Fault("audit log unreadable to the exporter", _pages("VaultAuditReaderDown"), _hide_log, heal=_show_log),
    Fault("root token used", _pages("VaultRootTokenUsed"), _use_root),
    Fault("root token created with a root token", _pages("VaultRootTokenUsed", "VaultRootTokenCreated"), _create_root),
    Fault("generate-root started", _pages("VaultRekeyOrGenerateRoot"), _generate_root, heal=_cancel_root),
    Fault("policy changed", _pages("VaultPolicyChanged"), _write_policy),
    Fault("audit device disabled (which OpenBao refuses)", _pages(), _disable_audit),
    Fault("login failures", _pages("VaultLoginFailureSpike"), tick=_guess),
    Fault("denied requests", _pages("VaultPermissionDeniedSpike"), tick=_look_around),
    Fault("quota violated", _pages("VaultQuotaViolations"), _limit, heal=_unlimit),
    Fault("memory over the limit (lowered)", _pages("VaultHighMemoryUsage"), literals={MEMORY_LIMIT: "2000000"}),
    Fault("lease surge (limit lowered)", _pages("VaultLeaseSurge"), tick=_log_in, literals={"> 10000": "> 30"}),
    Fault(
        "key rotation overdue (limit lowered)", _pages("VaultBarrierKeyRotationOverdue"), literals={"> 7776000": "> 60"}
    ),
    Fault("backup stale", _pages("VaultBackupStale"), _age_backup, heal=_back_up),
    Fault(
        "exporter's token near its end (limit raised)",
        _pages("VaultExporterTokenExpiring"),
        literals={"- time() < 120": "- time() < 90000"},
    ),
)
