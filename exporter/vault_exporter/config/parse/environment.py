"""The environment variables and flags that name one target without a file.

The variables are those of the ``vault`` and ``bao`` commands. Like ``bao``, the names with ``BAO_`` come first.
https://developer.hashicorp.com/vault/docs/commands#environment-variables, https://openbao.org/docs/commands/
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from vault_exporter.config.parse.tree import Node

__all__ = ["Flags", "target_node"]

_TLS_KEYS: Final = {
    "CACERT": "ca_cert",
    "CAPATH": "ca_path",
    "CLIENT_CERT": "client_cert",
    "CLIENT_KEY": "client_key",
    "TLS_SERVER_NAME": "server_name",
    "SKIP_VERIFY": "insecure_skip_verify",
}
_BOOLEANS: Final = {  # as Go's strconv.ParseBool, which Vault uses
    **dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True),
    **dict.fromkeys(("0", "f", "F", "FALSE", "false", "False"), False),
}


class Flags(msgspec.Struct, frozen=True):
    """What was given on the command line, as it was typed."""

    listen: str | None = None
    web_config_file: str | None = None
    web_enable_lifecycle: bool = False
    address: str | None = None
    token_file: str | None = None
    namespace: str | None = None
    audit_logs: tuple[str, ...] = ()
    audit_from_start: bool = False
    audit_checkpoint: str | None = None


def target_node(flags: Flags, environ: Mapping[str, str]) -> Node | None:
    """Return the target that flags and environment describe, or None if they give no address."""
    address = _flag("--address", flags.address) or _variable(environ, "ADDR")
    if address is None:
        return None
    members = {"address": address}
    if namespace := _flag("--namespace", flags.namespace) or _variable(environ, "NAMESPACE"):
        members["namespace"] = namespace
    tls = {key: found for name, key in _TLS_KEYS.items() if (found := _variable(environ, name))}
    if skip := tls.get("insecure_skip_verify"):
        tls["insecure_skip_verify"] = Node(_BOOLEANS.get(str(skip.value), skip.value), skip.place)
    if tls:
        members["tls"] = Node(tls, "environment")
    if token_file := _flag("--token-file", flags.token_file):
        members["auth"] = Node({"method": Node("token", "--token-file"), "token_file": token_file}, "--token-file")
    elif token := _variable(environ, "TOKEN"):
        members["auth"] = Node({"method": Node("token", token.place), "token": token}, token.place)
    return Node(members, address.place)


def _flag(name: str, value: str | None) -> Node | None:
    return None if value is None else Node(value, name)


def _variable(environ: Mapping[str, str], name: str) -> Node | None:
    """Find a variable; an empty one counts as not set, as for Vault."""
    for prefix in ("BAO_", "VAULT_"):
        if value := environ.get(prefix + name):
            return Node(value, f"environment: {prefix}{name}")
    return None
