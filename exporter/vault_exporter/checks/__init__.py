"""Load the configuration with every check.

:mod:`vault_exporter.config` knows the form of the settings. The checks here need the parts that use them.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final, get_args

from vault_exporter.checks.audit import check_allowed, check_audit, check_events, check_rule, check_threshold
from vault_exporter.config.load import Check, ConfigError, Flags, Loader
from vault_exporter.config.parse.problems import Problem
from vault_exporter.config.schema import model
from vault_exporter.config.schema.web import Web

__all__ = ["ConfigError", "Flags", "load", "load_audit", "load_listen"]

_OF_AUDIT: Final[dict[type, Check]] = {
    model.Audit: check_audit,
    model.EventRule: check_rule,
    model.AllowedEvents: check_allowed,
    model.Events: check_events,
    model.Threshold: check_threshold,
}


def load(path: Path | None, flags: Flags, environ: Mapping[str, str]) -> model.Config:
    """Read and check the settings, as :meth:`Loader.load` does."""
    return _loader().load(path, flags, environ)


def load_listen(path: Path | None, flags: Flags) -> tuple[model.Listen, Web]:
    """Read only where and how the exporter listens, as :meth:`Loader.load_listen` does."""
    return _loader().load_listen(path, flags)


def load_audit(path: Path | None) -> model.Audit:
    """Read only what the file says of audit logs, as :meth:`Loader.load_audit` does."""
    return Loader(_OF_AUDIT, _no_web).load_audit(path)


@cache
def _loader() -> Loader:
    # Imported here, since these need aiohttp and all collectors, and replay would take twice as long to start.
    from vault_exporter.checks.collectors import check_collectors  # noqa: PLC0415
    from vault_exporter.checks.targets import check_target, check_tls  # noqa: PLC0415
    from vault_exporter.web.config_file import load_web  # noqa: PLC0415

    return Loader(
        {
            **_OF_AUDIT,
            model.Collectors: check_collectors,
            model.Target: check_target,
            model.Tls: check_tls,
            **dict.fromkeys(get_args(model.Discoveries), check_target),
        },
        load_web,
    )


def _no_web(path: Path) -> Web:
    raise ConfigError((Problem(str(path), "the web configuration is not read here"),))
