"""Helpers that several commands share: options, loading the configuration, and failing."""

import os
import sys
from pathlib import Path
from typing import Annotated, Final, Never

import typer

from vault_exporter.checks import ConfigError, Flags, load
from vault_exporter.config.schema.model import Config

__all__ = [
    "AddressOption",
    "AuditLogOption",
    "CheckpointOption",
    "ConfigOption",
    "FromStartOption",
    "LifecycleOption",
    "ListenOption",
    "NamespaceOption",
    "TokenFileOption",
    "WebConfigOption",
    "fail",
    "flags",
    "load_config",
]

_FAILED: Final = 1

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", envvar="VAULT_EXPORTER_CONFIG", metavar="FILE", help="YAML file; see docs/configuration.md."
    ),
]
ListenOption = Annotated[
    str | None,
    typer.Option(
        "--web.listen-address",
        "--listen",
        envvar="VAULT_EXPORTER_LISTEN",
        metavar="[HOST]:PORT",
        help="Where to serve metrics.",
        show_default=":9410",
    ),
]
WebConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--web.config.file",
        "--web-config-file",
        envvar="VAULT_EXPORTER_WEB_CONFIG_FILE",
        metavar="FILE",
        help="TLS and users of the exporter itself, in exporter-toolkit's format.",
    ),
]
LifecycleOption = Annotated[
    bool, typer.Option("--web.enable-lifecycle", help="Let POST /-/reload read the configuration again.")
]
AddressOption = Annotated[
    str | None,
    typer.Option(metavar="URL", help="The one node to scrape, instead of BAO_ADDR or VAULT_ADDR."),
]
TokenFileOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="File with the token for --address; read again when it changes.")
]
NamespaceOption = Annotated[str | None, typer.Option(metavar="NAME", help="Namespace of that token.")]
AuditLogOption = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FILE",
        readable=False,  # not checked here: the file may become readable later, as a path in the configuration may
        help="Audit log to follow, - for standard input; may be given several times.",
    ),
]
FromStartOption = Annotated[
    bool, typer.Option("--audit-from-start", help="Also count the existing entries of the audit logs.")
]
CheckpointOption = Annotated[
    Path | None,
    typer.Option(
        "--audit-checkpoint", metavar="FILE", help="File with the audit logs' positions, to continue after a restart."
    ),
]


def flags(
    listen: str | None,
    address: str | None,
    token_file: Path | None,
    namespace: str | None,
    audit_log: list[Path] | None,
    *,
    web_config_file: Path | None,
    web_enable_lifecycle: bool = False,
    audit_from_start: bool,
    audit_checkpoint: Path | None = None,
) -> Flags:
    """Collect the flags."""
    return Flags(
        listen=listen,
        web_config_file=str(web_config_file) if web_config_file else None,
        web_enable_lifecycle=web_enable_lifecycle,
        address=address,
        token_file=str(token_file) if token_file else None,
        namespace=namespace,
        audit_logs=tuple(map(str, audit_log or ())),
        audit_from_start=audit_from_start,
        audit_checkpoint=str(audit_checkpoint) if audit_checkpoint else None,
    )


def load_config(config: Path | None, given: Flags) -> Config:
    """Load the configuration, or print all its errors and exit."""
    try:
        return load(config, given, os.environ)
    except ConfigError as error:
        fail(str(error))


def fail(message: str, status: int = _FAILED) -> Never:
    """Print an error to standard error, and exit with a non-zero status."""
    sys.stderr.write(f"{message}\n")
    raise typer.Exit(status)
