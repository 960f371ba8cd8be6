"""What a configuration sees when it is used once: for ``check --online`` and ``status``.

The targets are those of the server, with its discovery, logins and scrapes. Two things are left alone: a wrapped
secret-id, which to open would take it from the server, and the canary, which writes.
"""

import asyncio
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from vault_exporter import catalogue as c
from vault_exporter.config.logins import ApproleAuth, Auth
from vault_exporter.config.model import Config, NoAuth, Target
from vault_exporter.metrics import Family
from vault_exporter.rights import OWN, Need, capabilities, lacking, needs
from vault_exporter.scrape import Scrape, TargetScraper
from vault_exporter.targets import Targets
from vault_exporter.vault.client import VaultError

__all__ = ["Finding", "Seen", "is_wrapped", "look"]


class Finding(NamedTuple):
    """How one part of the exporter fares with a target."""

    name: str
    """The collector's name, ``telemetry``, ``token`` or ``discovery``."""
    problem: str = ""
    """Empty if it works."""
    remedy: str = ""


class Seen(NamedTuple):
    """One target."""

    target: Target
    scrape: Scrape
    findings: tuple[Finding, ...]
    entity_id: str
    display_name: str
    """Whom Vault's audit log names for the exporter's calls."""

    def value(self, family: Family) -> float | None:
        """Return the value of a family without labels; None where the node did not say."""
        return next((sample.value for sample in self.scrape.samples if sample.family is family), None)

    def label(self, family: Family, name: str) -> str:
        """Return a label of a family's first sample; empty where there is none."""
        at = family.labels.index(name)
        return next((sample.labels[at] for sample in self.scrape.samples if sample.family is family), "")


async def look(config: Config) -> list[Seen]:
    """Scrape every target once, ask what its token may do, and close everything."""
    targets = Targets()
    try:
        await targets.apply(_without_effects(config))
        return list(await asyncio.gather(*(_look(config, scraper) for scraper in targets)))
    finally:
        await targets.close()


def is_wrapped(auth: Auth) -> bool:
    """Tell whether to log in would use up what the server is to log in with."""
    return isinstance(auth, ApproleAuth) and auth.wrapped


async def _look(config: Config, scraper: TargetScraper) -> Seen:
    scrape = await scraper.scrape(scraper.target.timeout)
    wanted = needs(config, scraper.target) if scraper.client.has_token else ()
    findings = {need.name: Finding(need.name) for need in wanted} | {one.name: one for one in _findings(scrape)}
    if wanted and _value(scrape, c.CORE_UNSEALED):
        findings |= {finding.name: finding for finding in await _rights(scraper, wanted)}
    entity_id, display_name = scraper.client.tokens.identity
    return Seen(scraper.target, scrape, tuple(findings.values()), entity_id, display_name)


def _findings(scrape: Scrape) -> Iterator[Finding]:
    """Tell what the collectors said of themselves."""
    reasons = {sample.labels[0]: sample.labels[1] for sample in scrape.samples if sample.family is c.COLLECTOR_FAILURE}
    for sample in scrape.samples:
        if sample.family is c.COLLECTOR_SUCCESS:
            (name,) = sample.labels
            yield Finding(name, reasons.get(name, ""), "the log says more" if name in reasons else "")


async def _rights(scraper: TargetScraper, wanted: tuple[Need, ...]) -> list[Finding]:
    """Tell what the token lacks, part by part."""
    every = (Need("token", OWN), *wanted)
    try:
        async with asyncio.timeout(scraper.target.timeout):
            held = await capabilities(scraper.client, (grant for need in every for grant in need.grants))
    except TimeoutError:
        return [Finding("token", "sys/capabilities-self: timeout")]
    except VaultError as error:
        return [Finding("token", str(error), f"grant: {OWN[-1]}")]
    found = []
    for need in every:
        if missing := lacking(need.grants, held):
            paths = ", ".join(grant.path for grant in missing)
            remedy = " ".join(map(str, missing))
            found.append(Finding(need.name, f"the token's policies do not allow {paths}", f"grant: {remedy}"))
    return found


def _value(scrape: Scrape, family: Family) -> float | None:
    return next((sample.value for sample in scrape.samples if sample.family is family), None)


def _without_effects(config: Config) -> Config:
    return msgspec.structs.replace(
        config,
        canary=None,
        targets=tuple(
            msgspec.structs.replace(target, auth=NoAuth()) if is_wrapped(target.auth) else target
            for target in config.targets
        ),
        discovery=tuple(
            msgspec.structs.replace(source, auth=NoAuth()) if is_wrapped(source.auth) else source
            for source in config.discovery
        ),
    )
