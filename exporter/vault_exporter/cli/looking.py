"""The commands that use a configuration once: what its targets are like, and what its token must be allowed."""

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from vault_exporter.audit.tail.matching import matching
from vault_exporter.checks import Flags
from vault_exporter.cli.options import AddressOption, ConfigOption, NamespaceOption, TokenFileOption, fail, load_config
from vault_exporter.config.schema.model import Config, Target
from vault_exporter.diagnose import status as report
from vault_exporter.diagnose.online import Diagnosis, Seen, is_wrapped, look
from vault_exporter.diagnose.policy import policy_text, targets_of
from vault_exporter.metrics import catalogue as c
from vault_exporter.targets.discovery import State
from vault_exporter.util import logging as logs
from vault_exporter.util.fs import open_at_once

__all__ = ["check_online", "policy", "status"]


def policy(
    config: ConfigOption = None,
    target: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Only what this target needs, or what a discovery (its address, name:port or path) finds.",
        ),
    ] = None,
) -> None:
    """Print the least policy that the exporter's token needs for what is enabled; without a file, for the defaults."""
    if config is None:
        settings = Config(targets=(Target("default", "http://127.0.0.1:8200"),))
    else:
        settings = load_config(config, Flags())
    targets = [one for one in targets_of(settings) if target in {None, one.name}]
    if not targets:
        fail(f"--target: no such target is listed; {_what_there_is(settings)}")
    typer.echo(policy_text(settings, targets), nl=False)


def status(
    config: ConfigOption = None,
    address: AddressOption = None,
    token_file: TokenFileOption = None,
    namespace: NamespaceOption = None,
    *,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Show the state of every target. Exit status: 0 well, 1 a warning, 2 a node is down, sealed or leaderless."""
    file = str(token_file) if token_file else None
    settings = load_config(config, Flags(address=address, token_file=file, namespace=namespace))
    seen, discoveries = _look(settings)
    now = time.time()
    if json:
        typer.echo(report.as_json(seen, now))
    else:
        report.print_table(seen, Console(), now)
    troubled = [state for state in discoveries if state.trouble or state.excess]
    for state in troubled:
        typer.echo(_discovery(state), err=True)
    raise typer.Exit(max(report.worst(seen, now), report.Severity.WARNING if troubled else report.Severity.OK))


def check_online(settings: Config) -> None:
    """Look at every target and log, say what works and what to grant, and exit with 1 if something does not."""
    seen, discoveries = _look(settings)
    good = not any(state.trouble or state.excess for state in discoveries)
    for state in discoveries:
        typer.echo(_discovery(state))
    for one in seen:
        where = f"{one.target.name} ({one.target.address})"
        if one.down:
            good = False
            typer.echo(f"{where}: down, {one.down.problem} ({one.down.remedy})")
            continue
        typer.echo(f"{where}: {'sealed' if one.value(c.SEALED) else 'answers'}")
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
    """Give each log that there is, and why one cannot be read; empty if it can."""
    for listed in settings.audit.logs:
        try:
            found = matching(listed, ())
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
    """Say whom Vault's audit log names for the exporter, and how its own entries can be left out."""
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


def _what_there_is(settings: Config) -> str:
    listed = f"listed: {', '.join(target.name for target in settings.targets) or 'none'}"
    if not settings.discovery:
        return listed
    found = " or ".join(f"--target {source.source}" for source in settings.discovery)
    return f"{listed}. A target that a discovery finds needs what all that it finds need; for these give {found}"


def _discovery(state: State) -> str:
    if state.trouble:
        return f"discovery {state.settings}: cannot discover targets: {state.trouble}"
    more = f", {state.excess} more left out; raise max_targets if all are meant" if state.excess else ""
    return f"discovery {state.settings}: targets: {state.targets}{more}"


def _look(settings: Config) -> Diagnosis:
    logs.configure(logs.LogFormat.LOGFMT, logs.LogLevel.ERROR)
    return asyncio.run(look(settings))
