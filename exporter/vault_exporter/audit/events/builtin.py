"""The built-in rules of events.

Paths: https://openbao.org/api-docs/system/ and https://developer.hashicorp.com/vault/api-docs/system, those that need
``sudo`` from ``logical_system.go`` of both projects. ``tests/data/audit/operations.jsonl`` has what OpenBao 2.7.2
logs for each.
"""

from typing import Final

from vault_exporter.config.schema.model import EventRule, Threshold

__all__ = ["BUILT_IN", "RAW_VALUES"]

RAW_VALUES: Final = "raw_values_logged"
"""The event of a device that logs tokens in plain text (``log_raw``). It has no rule: it is about the log itself."""

_CHANGES: Final = ("create", "update", "patch", "delete")
_STARTS: Final = ("create", "update")

_SUDO: Final = (
    "auth/token/accessors",
    "auth/token/accessors/*",
    "auth/token/revoke-orphan",
    "sys/audit",
    "sys/audit/*",
    "sys/auth/*",
    "sys/config/auditing/*",
    "sys/config/cors",
    "sys/config/ui/headers",
    "sys/config/ui/headers/*",
    "sys/internal/inspect/*",
    "sys/leases",
    "sys/leases/lookup/*",
    "sys/leases/revoke-force/*",
    "sys/leases/revoke-prefix/*",
    "sys/plugins/catalog/*",
    "sys/raw",
    "sys/raw/*",
    "sys/remount",
    "sys/replication/+/primary/secondary-token",
    "sys/replication/primary/secondary-token",
    "sys/replication/reindex",
    "sys/revoke-force/*",
    "sys/revoke-prefix/*",
    "sys/rotate",
    "sys/seal",
    "sys/step-down",
    "sys/storage/raft/snapshot-auto/config/*",
)

BUILT_IN: Final = (
    EventRule("root_token_used", policies=("root",), outcome="any"),
    EventRule("root_token_created", issued_policies=("root",)),
    EventRule(
        "generate_root",
        paths=("sys/generate-root/attempt", "sys/generate-root/update", "sys/generate-root-token/*"),
        operations=_STARTS,
    ),
    EventRule(
        "rekey",
        paths=("sys/rekey/*", "sys/rekey-recovery-key/*", "sys/rotate/root/*", "sys/rotate/recovery/*"),
        operations=_STARTS,
    ),
    EventRule("barrier_key_rotated", paths=("sys/rotate", "sys/rotate/keyring"), operations=_STARTS),
    EventRule("seal", paths=("sys/seal",), operations=_STARTS),
    EventRule("step_down", paths=("sys/step-down",), operations=_STARTS),
    EventRule("audit_device_changed", paths=("sys/audit/*",), operations=_CHANGES),
    EventRule("policy_changed", paths=("sys/policies/*", "sys/policy/*"), operations=_CHANGES),
    EventRule("auth_method_changed", paths=("sys/auth/*",), operations=_CHANGES),
    EventRule("mount_changed", paths=("sys/mounts/*", "sys/remount"), operations=_CHANGES),
    EventRule("raw_storage_access", paths=("sys/raw", "sys/raw/*")),
    EventRule("snapshot_taken", paths=("sys/storage/raft/snapshot",), operations=("read",)),
    EventRule(
        "snapshot_restored",
        paths=("sys/storage/raft/snapshot", "sys/storage/raft/snapshot-force"),
        operations=_STARTS,
    ),
    EventRule("token_without_expiry_created", issued_without_expiry=True),
    EventRule("sudo_path_used", paths=_SUDO),
    EventRule("login_burst", logins=True, outcome="failure", threshold=Threshold(count=50, within=60.0)),
)
