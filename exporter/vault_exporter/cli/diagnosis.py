"""What ``status`` and ``check --online`` share: the look at the targets, and a line for each discovery."""

import asyncio

from vault_exporter.config.schema.model import Config
from vault_exporter.diagnose.online import Diagnosis, look
from vault_exporter.targets.discovery import State
from vault_exporter.util import logging as logs

__all__ = ["describe_discovery", "diagnose"]


def diagnose(settings: Config) -> Diagnosis:
    """Look at every target and discovery once; the exporter's own log says only errors meanwhile."""
    logs.configure(logs.LogFormat.LOGFMT, logs.LogLevel.ERROR)
    return asyncio.run(look(settings))


def describe_discovery(state: State) -> str:
    """Say in one line what a discovery finds, or why it finds nothing."""
    if state.trouble:
        return f"discovery {state.settings}: cannot discover targets: {state.trouble}"
    more = f", {state.dropped} more left out; raise max_targets if all are meant" if state.dropped else ""
    return f"discovery {state.settings}: targets: {state.targets}{more}"
