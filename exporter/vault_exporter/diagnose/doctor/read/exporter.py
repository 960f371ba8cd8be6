"""What the exporter's configuration leads to, as ``check --online`` finds it."""

import msgspec

from vault_exporter.alert_rules import fed
from vault_exporter.alert_rules.needs import AGENTS
from vault_exporter.checks.missing_files import log_errors
from vault_exporter.config.schema.model import Config
from vault_exporter.diagnose.online import TargetDiagnosis, diagnose
from vault_exporter.targets.discovery import State

__all__ = ["Exporter", "read_exporter"]


class Exporter(msgspec.Struct, frozen=True):
    """What was read."""

    config: Config
    targets: tuple[TargetDiagnosis, ...]
    discoveries: tuple[State, ...]
    log_errors: tuple[tuple[str, str], ...]
    """Audit logs that cannot be read, each with the reason."""
    feeds: frozenset[str]
    """The sources of metrics that the configuration provides. It does not say whether there are agents."""


async def read_exporter(config: Config) -> Exporter:
    """Scrape each target of the configuration once, and look at the audit logs."""
    found = await diagnose(config)
    errors = tuple((str(log), error) for log, error in log_errors(config) if error)
    return Exporter(config, tuple(found.targets), found.discoveries, errors, fed(config) - {AGENTS})
