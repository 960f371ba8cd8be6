"""The policy that a configuration needs, and the capabilities that a token lacks.

https://openbao.org/docs/concepts/policies/, https://openbao.org/api-docs/system/capabilities-self/
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

import msgspec

from vault_exporter.config.schema.model import ClusterDiscovery, Config, NoAuth, Secret, Target, TokenAuth
from vault_exporter.metrics.reasons import Reason
from vault_exporter.scrape.collectors import chosen
from vault_exporter.scrape.collectors.collector import Grant, policy
from vault_exporter.targets.manager import watched_of
from vault_exporter.vault.client import Client, VaultError

__all__ = ["OWN", "Need", "capabilities", "lacking", "needs", "policy_text", "targets_of"]

_OK: Final = 200

OWN: Final = (
    Grant("auth/token/lookup-self"),
    Grant("auth/token/renew-self", ("update",)),
    Grant("auth/token/revoke-self", ("update",)),
    Grant("sys/capabilities-self", ("update",)),
)
"""Grants for the token's own lookup, renewal and revocation. Vault's ``default`` policy includes them."""
_HA_STATUS: Final = (Grant("sys/ha-status"),)
_SOME_TOKEN: Final = TokenAuth(token=Secret("-"))


class Need(NamedTuple):
    """The grants that one part of the exporter needs."""

    name: str
    """The collector's name, or ``discovery``."""
    grants: tuple[Grant, ...]


def needs(config: Config, target: Target) -> tuple[Need, ...]:
    """Return the needs of the enabled parts for a target, as if it had a login."""
    with_token = msgspec.structs.replace(target, auth=_SOME_TOKEN) if isinstance(target.auth, NoAuth) else target
    running = chosen(with_token, watched_of(config), config.telemetry)
    collectors = (Need(collector.name, collector.grants) for collector in running if collector.grants)
    discovery = any(isinstance(source, ClusterDiscovery) for source in config.discovery)
    return (*collectors, *((Need("discovery", _HA_STATUS),) if discovery else ()))


def targets_of(config: Config) -> Iterator[Target]:
    """Yield the listed targets, and one target for each discovery, whose targets share its settings."""
    yield from config.targets
    for source in config.discovery:
        yield source.target(source.source, "http://127.0.0.1")


def policy_text(config: Config, targets: Iterable[Target]) -> str:
    """Return the minimal ACL policy for everything that is enabled for the targets."""
    wanted: dict[str, dict[str, None]] = {}
    grants = list(OWN)
    for target in targets:
        for need in needs(config, target):
            for grant in need.grants:
                grants.append(grant)
                wanted.setdefault(grant.path, {})[need.name] = None
    own = {grant.path for grant in OWN}
    lines = ["# The exporter's own token: look up, renew, give back, ask what it may do."]
    lines += [str(grant) for grant in policy(grants) if grant.path in own]
    for grant in policy(grants):
        if grant.path not in own:
            lines += ["", f"# {', '.join(wanted[grant.path])}", str(grant)]
    return "\n".join(lines) + "\n"


async def capabilities(client: Client, grants: Iterable[Grant]) -> dict[str, frozenset[str]]:
    """Read the capabilities of the client's token on the paths of the grants.

    Raises:
        VaultError: the call failed; ``permission_denied`` if the token may not call ``sys/capabilities-self``.
    """
    paths = sorted({grant.path for grant in grants})
    answer = await client.send("POST", "sys/capabilities-self", token=True, body={"paths": paths}, forward=True)
    if answer.status != _OK:
        raise answer.failure()
    found = answer.json(_Answer).data
    try:
        return {path: frozenset(msgspec.convert(found.get(path, ()), tuple[str, ...])) for path in paths}
    except msgspec.ValidationError:
        raise VaultError(Reason.BAD_REPLY, "sys/capabilities-self: HTTP 200 with an unexpected body") from None


def lacking(grants: Iterable[Grant], held: Mapping[str, frozenset[str]]) -> tuple[Grant, ...]:
    """Return the grants that the held capabilities do not cover."""
    return tuple(
        grant
        for grant in grants
        if "root" not in held[grant.path] and not held[grant.path].issuperset(grant.capabilities)
    )


class _Answer(msgspec.Struct, frozen=True):
    data: dict[str, object]
