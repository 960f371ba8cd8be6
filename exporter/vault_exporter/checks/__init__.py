"""Load the configuration with every check.

:mod:`vault_exporter.config` knows the form of the settings. The checks here need the parts that use them.
"""

from typing import Final, get_args

from vault_exporter.checks.audit import check_allowed, check_audit, check_events, check_rule, check_threshold
from vault_exporter.checks.collectors import check_collectors
from vault_exporter.checks.targets import check_target, check_tls
from vault_exporter.config.load import ConfigError, Flags, Loader
from vault_exporter.config.schema import model
from vault_exporter.web.config_file import load_web

__all__ = ["ConfigError", "Flags", "load", "load_audit", "load_listen"]

_LOADER: Final = Loader(
    {
        model.Audit: check_audit,
        model.EventRule: check_rule,
        model.AllowedEvents: check_allowed,
        model.Events: check_events,
        model.Threshold: check_threshold,
        model.Collectors: check_collectors,
        model.Target: check_target,
        model.Tls: check_tls,
        **dict.fromkeys(get_args(model.Discoveries), check_target),
    },
    load_web,
)

load = _LOADER.load
load_audit = _LOADER.load_audit
load_listen = _LOADER.load_listen
