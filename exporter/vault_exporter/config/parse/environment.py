"""The environment variables and flags that name one target without a file.

The variables are those of the ``vault`` and ``bao`` commands. Like ``bao``, the names with ``BAO_`` come first.
https://developer.hashicorp.com/vault/docs/commands#environment-variables, https://openbao.org/docs/commands/
"""

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from vault_exporter.config.parse.node import Node

__all__ = ["Flags", "target_node", "unsupported"]

_PLACE: Final = "environment: "
_PREFIXES: Final = ("BAO_", "VAULT_")
_TRUST: Final = {"CACERT": "ca_cert", "CACERT_BYTES": "ca_cert_bytes", "CAPATH": "ca_path"}
"""Of these, the first that is set counts."""
_TLS_KEYS: Final = {
    "CLIENT_CERT": "client_cert",
    "CLIENT_KEY": "client_key",
    "TLS_SERVER_NAME": "server_name",
    "SKIP_VERIFY": "insecure_skip_verify",
}
_CONNECTION_KEYS: Final = {
    "NAMESPACE": "namespace",
    "CLIENT_TIMEOUT": "timeout",
    "HTTP_PROXY": "proxy",
    "PROXY_ADDR": "proxy",  # the later one supersedes the former
    "RATE_LIMIT": "rate_limit",
}
_UNSUPPORTED: Final = {
    "AGENT_ADDR": "an agent or proxy answers for a node of its choice; set the node's own address",
    "CLIENT_CERT_BYTES": "write the certificate to a file, and name that in CLIENT_CERT",
    "CLIENT_KEY_BYTES": "write the key to a file, and name that in CLIENT_KEY",
    "DISABLE_REDIRECTS": "redirects are never followed, since they lead to another node",
    "HEADERS": "no header can be added to the requests",
    "MAX_RETRIES": "a request is not repeated; the next scrape makes it again",
    "MFA": "logins with a second factor cannot be made; use a method without one, such as approle",
    "SRV_LOOKUP": "SRV records are not looked up; give the address with its port, or use discovery",
    "WRAP_TTL": "answers are never wrapped, since the exporter reads them itself",
}
"""Variables of the commands that concern the connection and that the exporter does not obey, and what to do."""
_AS_OURS: Final = {
    "DISABLE_REDIRECTS": frozenset({"1", "t", "T", "TRUE", "true", "True"}),
    "MAX_RETRIES": frozenset({"0"}),
    "SRV_LOOKUP": frozenset({"0", "f", "F", "FALSE", "false", "False"}),
}
"""Values of these that ask for what the exporter does anyway."""
_SYSTEM_PROXIES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
_BOOLEANS: Final = {  # as Go's strconv.ParseBool, which Vault uses
    **dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True),
    **dict.fromkeys(("0", "f", "F", "FALSE", "false", "False"), False),
}


class Flags(msgspec.Struct, frozen=True):
    """What was given on the command line, as it was typed."""

    listen: str | None = None
    web_config_file: str | None = None
    web_enable_lifecycle: bool = False
    shard: str | None = None
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
    for variable, key in _CONNECTION_KEYS.items():
        if found := _variable(environ, variable):
            members[key] = found
    if timeout := members.get("timeout"):
        members["timeout"] = Node(_go_seconds(str(timeout.value)), timeout.place)
    if namespace := _flag("--namespace", flags.namespace):
        members["namespace"] = namespace
    if tls := _tls(environ):
        members["tls"] = Node(tls, "environment")
    if auth := _auth(flags, environ):
        members["auth"] = auth
    return Node(members, address.place)


def unsupported(environ: Mapping[str, str]) -> Iterator[str]:
    """Say what to do instead of each variable that is set, and that the exporter does not obey.

    They are those that concern the connection of the ``vault`` and ``bao`` commands.
    """
    for name, remedy in _UNSUPPORTED.items():
        found = _variable(environ, name)
        if found and found.value not in _AS_OURS.get(name, frozenset()):
            yield f"{found.place.removeprefix(_PLACE)} is not supported: {remedy}"
    proxied = any(_variable(environ, name) for name in ("PROXY_ADDR", "HTTP_PROXY"))
    for name in _SYSTEM_PROXIES:
        if environ.get(name) and not proxied:
            yield f"{name} is not used for Vault: set VAULT_PROXY_ADDR if the node is reached through a proxy"


def _tls(environ: Mapping[str, str]) -> dict[str, Node]:
    """Return the keys of ``tls``."""
    trust = next(({key: found} for name, key in _TRUST.items() if (found := _variable(environ, name))), {})
    tls = trust | {key: found for name, key in _TLS_KEYS.items() if (found := _variable(environ, name))}
    if skip := tls.get("insecure_skip_verify"):
        tls["insecure_skip_verify"] = Node(_BOOLEANS.get(str(skip.value), skip.value), skip.place)
    return tls


def _auth(flags: Flags, environ: Mapping[str, str]) -> Node | None:
    """Return the login with a token, from the flag, the variable, or the file that a variable names."""
    if file := _flag("--token-file", flags.token_file):
        return _token(file, "token_file")
    if token := _variable(environ, "TOKEN"):
        return _token(token, "token")
    if file := _variable(environ, "TOKEN_PATH"):
        return _token(file, "token_file")
    return None


def _token(given: Node, key: str) -> Node:
    return Node({"method": Node("token", given.place), key: given}, given.place)


def _go_seconds(text: str) -> str:
    """Write a duration with its unit, which Vault takes for seconds where there is none."""
    return f"{text}s" if text.isdecimal() else text


def _flag(name: str, value: str | None) -> Node | None:
    return None if value is None else Node(value, name)


def _variable(environ: Mapping[str, str], name: str) -> Node | None:
    """Find a variable; an empty one counts as not set, as for Vault."""
    for prefix in _PREFIXES:
        if value := environ.get(prefix + name):
            return Node(value, f"{_PLACE}{prefix}{name}")
    return None
