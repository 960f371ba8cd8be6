"""The command ``check``."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from vault_exporter.audit.tail.matching import matching
from vault_exporter.cli.diagnosis import describe_discovery, diagnose
from vault_exporter.cli.options import (
    AddressOption,
    AuditLogOption,
    CheckpointOption,
    ConfigOption,
    FromStartOption,
    LifecycleOption,
    ListenOption,
    NamespaceOption,
    TokenFileOption,
    WebConfigOption,
    flags,
    load_config,
)
from vault_exporter.config.load import environment_notices
from vault_exporter.config.schema import inputs
from vault_exporter.config.schema.model import Config
from vault_exporter.diagnose import status as report
from vault_exporter.diagnose.online import Seen, is_wrapped
from vault_exporter.util.fs import open_at_once

__all__ = ["check"]


def check(
    config: ConfigOption = None,
    listen: ListenOption = None,
    address: AddressOption = None,
    token_file: TokenFileOption = None,
    namespace: NamespaceOption = None,
    audit_log: AuditLogOption = None,
    *,
    web_config_file: WebConfigOption = None,
    web_enable_lifecycle: LifecycleOption = False,
    audit_from_start: FromStartOption = False,
    audit_checkpoint: CheckpointOption = None,
    online: Annotated[
        bool, typer.Option("--online", help="Also connect to the targets, log in, and check the token's capabilities.")
    ] = False,
) -> None:
    """Check the configuration and report every error. Without --online, it connects to nothing."""
    given = flags(
        listen,
        address,
        token_file,
        namespace,
        audit_log,
        web_config_file=web_config_file,
        web_enable_lifecycle=web_enable_lifecycle,
        audit_from_start=audit_from_start,
        audit_checkpoint=audit_checkpoint,
    )
    settings = load_config(config, given)
    targets = [target.name for target in settings.targets] or ["none listed" if settings.discovery else "none"]
    discovery = f"discovery: {', '.join(map(str, settings.discovery))}, " if settings.discovery else ""
    audit = (*map(str, settings.audit.logs), *map(inputs.name, settings.audit.inputs))
    typer.echo(
        f"The configuration is good: listen on {settings.listen}, targets: {', '.join(targets)}, {discovery}"
        f"audit logs: {', '.join(audit) or 'none'}."
    )
    for notice in environment_notices(config, os.environ):
        typer.echo(notice)
    if online:
        _check_online(settings)


def _check_online(settings: Config) -> None:
    """Check every target and log, print the results and missing grants, and exit with 1 after a failure."""
    seen, discoveries = diagnose(settings)
    good = not any(state.trouble or state.dropped for state in discoveries)
    for state in discoveries:
        typer.echo(describe_discovery(state))
    for one in seen:
        where = f"{one.target.name} ({one.target.address})"
        if one.down:
            good = False
            typer.echo(f"{where}: down, {one.down.problem} ({one.down.remedy})")
            continue
        typer.echo(f"{where}: {'sealed' if one.scrape.state.sealed else 'answers'}")
        for finding in one.findings:
            good &= not finding.problem
            remedy = f"\n    {' ' * 18}{finding.remedy}" if finding.remedy else ""
            typer.echo(f"  {finding.name:18}  {finding.problem or 'works'}{remedy}")
        if one.entity_id or one.display_name:
            typer.echo(f"  {_in_the_audit_log(one)}")
    for log, trouble in _audit_logs(settings):
        good &= not trouble
        remedy = "; serve must run as a user that may, such as Vault's, and waits for it"
        typer.echo(f"audit log {log}: {f'cannot be read: {trouble}{remedy}' if trouble else 'can be read'}")
    if any(is_wrapped(one.auth) for one in (*settings.targets, *settings.discovery)):
        typer.echo("Wrapped secret-ids were left alone, and no login tried with them: they can be opened only once.")
    if not good:
        raise typer.Exit(1)


def _audit_logs(settings: Config) -> Iterator[tuple[Path, str]]:
    """Yield each audit log with the error of reading it; empty if it is readable."""
    for listed in settings.audit.logs:
        try:
            found = sorted(map(Path, matching(listed)))
        except OSError as error:
            yield listed, str(error.strerror)
        else:
            yield from ((log, _trouble(log)) for log in found)


def _trouble(log: Path) -> str:
    try:
        os.close(open_at_once(log))
    except OSError as error:
        return str(error.strerror)
    return ""


def _in_the_audit_log(seen: Seen) -> str:
    """Return the exporter's identity in Vault's audit log, and how to exclude its own entries."""
    entity_id, display_name = map(report.printable, (seen.entity_id, seen.display_name))
    remedy = (
        "audit.exclude.own or audit.exclude.entity_ids leaves that out"
        if entity_id
        else "audit.exclude.display_names leaves out all of that name; where the exporter logs in, with AppRole for "
        "instance, audit.exclude.own leaves out it alone"
    )
    return (
        f"In Vault's audit log the exporter is entity_id {entity_id or '(none)'}, display_name "
        f"{display_name or '(none)'}; {remedy}."
    )
