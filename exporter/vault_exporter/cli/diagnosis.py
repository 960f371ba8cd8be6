"""Shared helpers of ``status`` and ``check --online``."""

import asyncio

from vault_exporter.config.schema.model import Config
from vault_exporter.diagnose.online import Diagnosis, diagnose
from vault_exporter.targets.discovery import State
from vault_exporter.util import logging as logs

__all__ = ["describe_discovery", "run_diagnosis"]


def run_diagnosis(settings: Config) -> Diagnosis:
    """Check every target and discovery once. Meanwhile the exporter logs only errors."""
    logs.configure(logs.LogFormat.LOGFMT, logs.LogLevel.ERROR)
    return asyncio.run(diagnose(settings))


def describe_discovery(state: State) -> str:
    """Describe the result of a discovery in one line."""
    if state.error:
        return f"discovery {state.settings}: cannot discover targets: {state.error}"
    more = f", {state.dropped} more left out; raise max_targets if all are meant" if state.dropped else ""
    return f"discovery {state.settings}: targets: {state.targets}{more}"
