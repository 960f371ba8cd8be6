"""The names of the options of ``serve``, for typer and for what reads them without it."""

from collections.abc import Iterable
from typing import Final, NamedTuple

__all__ = ["OPTIONS", "Names", "flags_of", "variables_of"]


class Names(NamedTuple):
    """The names of one option."""

    flags: tuple[str, ...]
    variable: str | None = None
    """Variable of the environment that is read if the option is not given."""
    switch: bool = False
    """Whether it has no value."""


OPTIONS: Final = {
    "config": Names(("--config", "-c"), "VAULT_EXPORTER_CONFIG"),
    "listen": Names(("--web.listen-address", "--listen"), "VAULT_EXPORTER_LISTEN"),
    "web_config_file": Names(("--web.config.file", "--web-config-file"), "VAULT_EXPORTER_WEB_CONFIG_FILE"),
    "web_enable_lifecycle": Names(("--web.enable-lifecycle",), switch=True),
    "shard": Names(("--shard",), "VAULT_EXPORTER_SHARD"),
    "address": Names(("--address",)),
    "token_file": Names(("--token-file",)),
    "namespace": Names(("--namespace",)),
    "audit_log": Names(("--audit-log",)),
    "audit_from_start": Names(("--audit-from-start",), switch=True),
    "audit_checkpoint": Names(("--audit-checkpoint",)),
    "log_format": Names(("--log-format",)),
    "log_level": Names(("--log-level",)),
}
"""By the command's parameter."""


def flags_of(parameters: Iterable[str] = OPTIONS, *, switch: bool = False) -> dict[str, str]:
    """Return flag → parameter, of the options without a value (``switch``) or of those with one."""
    return {flag: name for name in parameters for flag in OPTIONS[name].flags if OPTIONS[name].switch is switch}


def variables_of(parameters: Iterable[str] = OPTIONS) -> dict[str, str]:
    """Return parameter → variable of the environment, of the options that have one."""
    return {name: variable for name in parameters if (variable := OPTIONS[name].variable) is not None}
