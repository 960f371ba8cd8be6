"""Vault's API, as the tests drive a real server with it."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, NamedTuple

_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Reply(NamedTuple):
    status: int
    body: Any


def call(
    address: str,
    method: str,
    path: str,
    token: str = "",
    /,
    *,
    headers: Mapping[str, str] | None = None,
    **data: object,
) -> Reply:
    """Send one request; any status is an answer."""
    request = urllib.request.Request(  # noqa: S310 - HTTP
        f"{address}/v1/{path}",
        method=method,
        data=json.dumps(data).encode() if data else None,
        headers={**({"X-Vault-Token": token} if token else {}), **(headers or {})},
    )
    try:
        with _opener.open(request, timeout=30) as response:
            return Reply(response.status, _decoded(response.read()))
    except urllib.error.HTTPError as error:
        with error:
            return Reply(error.code, _decoded(error.read()))


def metrics(address: str, token: str = "") -> str:
    """Vault's own telemetry page."""
    reply = call(address, "GET", "sys/metrics?format=prometheus", token)
    assert reply.status == 200, reply.status
    text: str = reply.body
    return text


def initialize(address: str, shares: int = 1, threshold: int = 1) -> tuple[str, list[str]]:
    """Initialize, and return the root token and the unseal keys."""
    reply = call(address, "PUT", "sys/init", secret_shares=shares, secret_threshold=threshold)
    assert reply.status == 200, reply
    return reply.body["root_token"], reply.body["keys_base64"]


def unseal(address: str, keys: list[str]) -> None:
    for key in keys:
        reply = call(address, "PUT", "sys/unseal", key=key)
        assert reply.status == 200, reply


def _decoded(body: bytes) -> Any:
    text = body.decode()
    return json.loads(text) if text.startswith("{") else text
