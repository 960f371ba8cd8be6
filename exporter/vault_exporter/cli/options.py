"""Helpers that several commands share: options, loading the configuration, and failing."""

import functools
import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Never

import typer

from vault_exporter.checks import ConfigError, Flags, load
from vault_exporter.cli.exit_status import FAILED, WRONG_USAGE
from vault_exporter.cli.names import OPTIONS
from vault_exporter.config.schema.model import Config
from vault_exporter.util.terminal import print_error

__all__ = [
    "AddressOption",
    "ConfigOption",
    "NamespaceOption",
    "TokenFileOption",
    "fail",
    "load_config",
    "named",
    "refuse",
    "with_flags",
]


def named(name: str, **settings: Any) -> Any:  # noqa: ANN401 - typer's own
    """Make an option of ``serve`` with its names."""
    flags, variable, _ = OPTIONS[name]
    return typer.Option(*flags, envvar=variable, **settings)


ConfigOption = Annotated[
    Path | None,
    named(
        "config",
        metavar="FILE",
        readable=False,  # not checked here: `check` reports it like a missing file
        help="YAML file; see docs/configuration.md.",
    ),
]
ListenOption = Annotated[
    str | None, named("listen", metavar="[HOST]:PORT", help="Where to serve metrics.", show_default=":9410")
]
WebConfigOption = Annotated[
    Path | None,
    named(
        "web_config_file",
        metavar="FILE",
        help="TLS and users of the exporter itself, in exporter-toolkit's format.",
    ),
]
LifecycleOption = Annotated[
    bool, named("web_enable_lifecycle", help="Let POST /-/reload read the configuration again.")
]
ShardOption = Annotated[
    str | None,
    named(
        "shard",
        metavar="ORDINAL/TOTAL",
        help="Serve only this share of the targets, like 0/4; a pod's name with its ordinal is good, too.",
        show_default="all targets",
    ),
]
AddressOption = Annotated[
    str | None, named("address", metavar="URL", help="The one node to scrape, instead of BAO_ADDR or VAULT_ADDR.")
]
TokenFileOption = Annotated[
    Path | None,
    named("token_file", metavar="FILE", help="File with the token for --address; read again when it changes."),
]
NamespaceOption = Annotated[str | None, named("namespace", metavar="NAME", help="Namespace of that token.")]
AuditLogOption = Annotated[
    list[Path] | None,
    named(
        "audit_log",
        metavar="FILE",
        readable=False,  # not checked here: the file may become readable later, as a path in the configuration may
        help="Audit log to follow, - for standard input; may be given several times.",
    ),
]
FromStartOption = Annotated[bool, named("audit_from_start", help="Also count the existing entries of the audit logs.")]
CheckpointOption = Annotated[
    Path | None,
    named("audit_checkpoint", metavar="FILE", help="File with the audit logs' positions, to continue after a restart."),
]


def _flags(
    listen: ListenOption = None,
    address: AddressOption = None,
    token_file: TokenFileOption = None,
    namespace: NamespaceOption = None,
    audit_log: AuditLogOption = None,
    *,
    web_config_file: WebConfigOption = None,
    web_enable_lifecycle: LifecycleOption = False,
    shard: ShardOption = None,
    audit_from_start: FromStartOption = False,
    audit_checkpoint: CheckpointOption = None,
) -> Flags:
    return Flags(
        listen=listen,
        web_config_file=str(web_config_file) if web_config_file else None,
        web_enable_lifecycle=web_enable_lifecycle,
        shard=shard,
        address=address,
        token_file=str(token_file) if token_file else None,
        namespace=namespace,
        audit_logs=tuple(map(str, audit_log or ())),
        audit_from_start=audit_from_start,
        audit_checkpoint=str(audit_checkpoint) if audit_checkpoint else None,
    )


def with_flags(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that override the configuration; it gets them as its argument ``given``."""
    shared = inspect.signature(_flags, eval_str=True).parameters
    own = inspect.signature(command, eval_str=True).parameters

    @functools.wraps(command)
    def run(**values: Any) -> None:  # noqa: ANN401 - values of options
        given = _flags(**{name: values.pop(name) for name in shared})
        command(given=given, **values)

    merged = [
        one.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for name in own
        for one in (shared.values() if name == "given" else (own[name],))
    ]
    run.__signature__ = inspect.Signature(merged)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in merged}
    del run.__wrapped__
    return run


def load_config(config: Path | None, given: Flags) -> Config:
    """Load the configuration, or print all its errors and exit."""
    try:
        return load(config, given, os.environ)
    except ConfigError as error:
        refuse(str(error))


def fail(message: str, status: int = FAILED) -> Never:
    """Print an error to standard error, and exit with a non-zero status."""
    print_error(message)
    raise typer.Exit(status)


def refuse(message: str) -> Never:
    """Print what is wrong with the options or the configuration, and exit with the status for that."""
    fail(message, WRONG_USAGE)
