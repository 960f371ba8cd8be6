"""What a configuration sees when it is used once: for ``check --online`` and ``status``.

The targets are those of the server, with its discovery, logins and scrapes. Two things are left alone: a wrapped
secret-id, which to open would take it from the server, and the canary, which writes.
"""

import asyncio
from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from vault_exporter.config.schema.logins import ApproleAuth, Auth
from vault_exporter.config.schema.model import Config, NoAuth, Target
from vault_exporter.diagnose.policy import OWN, Need, capabilities, lacking, needs
from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Family
from vault_exporter.metrics.reasons import Reason
from vault_exporter.scrape.collectors import HEALTH
from vault_exporter.scrape.collectors.telemetry import REMEDIES, Status
from vault_exporter.scrape.scraper import Scrape, TargetScraper
from vault_exporter.targets.discovery import State
from vault_exporter.targets.manager import Targets
from vault_exporter.vault.auth.methods import Shared
from vault_exporter.vault.errors import NoTokenError, VaultError

__all__ = ["Diagnosis", "Finding", "Seen", "is_wrapped", "look"]

_LOGIN: Final = "token"
_NEED_REMEDY: Final = frozenset({Status.PERMISSION_DENIED, Status.DISABLED, Status.UNKNOWN_PREFIX})
"""Telemetry has not failed then, but the operator must do something to get it, or to get it under its usual names."""


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

    @property
    def down(self) -> Finding | None:
        """What is said of the node where it is down."""
        return next((one for one in self.findings if one.name == HEALTH.name and one.problem), None)

    def value(self, family: Family) -> float | None:
        """Return the value of a family without labels; None where the node did not say."""
        return next((sample.value for sample in self.scrape.samples if sample.family is family), None)

    def label(self, family: Family, name: str) -> str:
        """Return a label of a family's first sample; empty where there is none."""
        at = family.labels.index(name)
        return next((sample.labels[at] for sample in self.scrape.samples if sample.family is family), "")


class Diagnosis(NamedTuple):
    """What there is to see."""

    targets: list[Seen]
    discoveries: tuple[State, ...]


async def look(config: Config) -> Diagnosis:
    """Look for targets once, scrape each once, ask what its token may do, and close everything."""
    targets = Targets(Shared(once=True))
    try:
        await targets.apply(_without_effects(config))
        seen = await asyncio.gather(*(_look(config, scraper) for scraper in targets))
        return Diagnosis(list(seen), tuple(targets.discoveries()))
    finally:
        await targets.close()


def is_wrapped(auth: Auth) -> bool:
    """Tell whether to log in would use up what the server is to log in with."""
    return isinstance(auth, ApproleAuth) and auth.wrapped


async def _look(config: Config, scraper: TargetScraper) -> Seen:
    scrape = await scraper.scrape(scraper.target.timeout)
    entity_id, display_name = scraper.tokens.identity
    return Seen(scraper.target, scrape, await _findings(config, scraper, scrape), entity_id, display_name)


async def _findings(config: Config, scraper: TargetScraper, scrape: Scrape) -> tuple[Finding, ...]:
    """Tell how each part fares; what one cause explains (the node is down, the token refused) is said once."""
    scraped = {finding.name: finding for finding in _scraped(scraper, scrape)}
    if not _value(scrape, c.UP):
        return (scraped[HEALTH.name],)
    if not scraper.client.has_token:
        return tuple(scraped.values())
    wanted = needs(config, scraper.target)
    names = {need.name for need in wanted}
    without = {name: finding for name, finding in scraped.items() if name not in names}
    if not _value(scrape, c.CORE_UNSEALED):  # nothing is asked that needs a token
        return tuple(without.values())
    try:
        async with asyncio.timeout(scraper.target.timeout):
            rights = await _rights(scraper, wanted)
    except TimeoutError:
        rights = [Finding(_LOGIN, f"{OWN[-1].path}: timeout")]
    except NoTokenError as error:
        return (*without.values(), Finding(_LOGIN, str(error), scraper.tokens.remedy))
    except VaultError as error:
        denied = error.reason is Reason.PERMISSION_DENIED
        rights = [Finding(_LOGIN, str(error), f"grant: {OWN[-1]}" if denied else "")]
    every = without | {need.name: Finding(need.name) for need in wanted}
    found = every | scraped | {finding.name: finding for finding in rights}
    return tuple(found.values())


def _scraped(scraper: TargetScraper, scrape: Scrape) -> Iterator[Finding]:
    """Tell what the collectors and the telemetry said of themselves."""
    reasons = {sample.labels[0]: sample.labels[1] for sample in scrape.samples if sample.family is c.COLLECTOR_FAILURE}
    for sample in scrape.samples:
        if sample.family is c.COLLECTOR_SUCCESS:
            (name,) = sample.labels
            yield Finding(name, reasons.get(name, ""), scraper.detail(name) if name in reasons else "")
    current = next((s.labels[0] for s in scrape.samples if s.family is c.TELEMETRY_STATUS and s.value), "")
    if current in _NEED_REMEDY:
        yield Finding("telemetry", current, REMEDIES[Status(current)])


async def _rights(scraper: TargetScraper, wanted: tuple[Need, ...]) -> list[Finding]:
    """Tell what the token lacks, part by part.

    Raises:
        VaultError: Vault does not say.
    """
    every = (Need(_LOGIN, OWN), *wanted)
    held = await capabilities(scraper.client, (grant for need in every for grant in need.grants))
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
