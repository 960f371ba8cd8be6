"""Scrape all targets of a configuration once, for ``check --online`` and ``status``.

It uses the same discovery, logins and scrapes as ``serve``. Two things are skipped: unwrapping a secret-id, which would
use up the one that ``serve`` needs, and the canary, which writes.
"""

import asyncio
from typing import Final, NamedTuple

import msgspec

from vault_exporter.config.schema.logins import ApproleAuth, Auth
from vault_exporter.config.schema.model import Config, NoAuth, Target
from vault_exporter.diagnose.policy import OWN, Need, capabilities, lacking, needs
from vault_exporter.metrics.reasons import Reason
from vault_exporter.scrape.collector_run import Skipped
from vault_exporter.scrape.collectors import HEALTH
from vault_exporter.scrape.scraper import Scrape, TargetScraper
from vault_exporter.targets.discovery import State
from vault_exporter.targets.manager import Targets
from vault_exporter.vault.auth.shared import Shared
from vault_exporter.vault.auth.token_manager import TokenStatus
from vault_exporter.vault.errors import NoTokenError, VaultError

__all__ = ["Diagnosis", "Finding", "TargetDiagnosis", "diagnose", "is_wrapped"]

_LOGIN: Final = "token"


class Finding(NamedTuple):
    """The result of one part of the exporter for a target."""

    name: str
    """The collector's name, ``token`` or ``discovery``."""
    problem: str = ""
    """The error; empty if the part works."""
    remedy: str = ""
    skipped: Skipped | None = None
    """Why the part gives nothing although it has no problem."""


class TargetDiagnosis(NamedTuple):
    """The results of one target."""

    settings: Target
    scrape: Scrape
    findings: tuple[Finding, ...]
    entity_id: str
    display_name: str
    """Display name of the exporter in Vault's audit log."""
    token: TokenStatus

    @property
    def down(self) -> Finding | None:
        """The finding of the node if it is down."""
        return next((one for one in self.findings if one.name == HEALTH.name and one.problem), None)


class Diagnosis(NamedTuple):
    """The results of all targets and discoveries."""

    targets: list[TargetDiagnosis]
    discoveries: tuple[State, ...]


async def diagnose(config: Config) -> Diagnosis:
    """Discover targets, scrape each once, check the capabilities of its token, and close everything."""
    targets = Targets(Shared(once=True))
    try:
        await targets.apply(_without_effects(config))
        found = await asyncio.gather(*(_diagnose(config, scraper) for scraper in targets))
        return Diagnosis(list(found), tuple(targets.discoveries()))
    finally:
        await targets.close()


def is_wrapped(auth: Auth) -> bool:
    """Return whether the login uses a wrapped secret-id, which can be unwrapped only once."""
    return isinstance(auth, ApproleAuth) and auth.wrapped


async def _diagnose(config: Config, scraper: TargetScraper) -> TargetDiagnosis:
    scrape = await scraper.scrape(scraper.target.timeout)
    entity_id, display_name = scraper.tokens.identity
    findings = await _findings(config, scraper, scrape)
    return TargetDiagnosis(scraper.target, scrape, findings, entity_id, display_name, scraper.tokens.status)


async def _findings(config: Config, scraper: TargetScraper, scrape: Scrape) -> tuple[Finding, ...]:
    """Return the result of each part. A common cause (node down, token refused) is reported once."""
    scraped = {outcome.name: Finding(*outcome) for outcome in scrape.outcomes}
    if not scrape.state.up:
        return (scraped[HEALTH.name],)
    if not scraper.client.has_token:
        return tuple(scraped.values())
    wanted = needs(config, scraper.target)
    names = {need.name for need in wanted}
    without = {name: finding for name, finding in scraped.items() if name not in names}
    if scrape.state.sealed is not False:  # a sealed node gets no calls with a token
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


async def _rights(scraper: TargetScraper, wanted: tuple[Need, ...]) -> list[Finding]:
    """Return the missing capabilities of the token for each part.

    Raises:
        VaultError: the call failed.
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
