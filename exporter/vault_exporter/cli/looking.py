"""The commands that use a configuration once: what its targets are like, and what its token must be allowed."""

import asyncio
import time
from typing import Annotated

import typer
from rich.console import Console

from vault_exporter import catalogue as c
from vault_exporter import logs
from vault_exporter import status as report
from vault_exporter.cli.options import (
    AddressOption,
    ConfigOption,
    NamespaceOption,
    TokenFileOption,
    fail,
    load_config,
)
from vault_exporter.config.load import Flags
from vault_exporter.config.model import Config, Target
from vault_exporter.online import Seen, is_wrapped, look
from vault_exporter.rights import policy_text, targets_of

__all__ = ["check_online", "policy", "status"]


def policy(
    config: ConfigOption = None,
    target: Annotated[str | None, typer.Option(metavar="NAME", help="Only what this target needs.")] = None,
) -> None:
    """Print the least policy that the exporter's token needs for what is enabled; without a file, for the defaults."""
    if config is None:
        settings = Config(targets=(Target("default", "http://127.0.0.1:8200"),))
    else:
        settings = load_config(config, Flags())
    targets = [one for one in targets_of(settings) if target in {None, one.name}]
    if not targets:
        names = ", ".join(one.name for one in targets_of(settings)) or "none"
        fail(f"--target: there is no such target; targets: {names}")
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
    seen = _look(settings)
    now = time.time()
    if json:
        typer.echo(report.as_json(seen, now))
    else:
        report.print_table(seen, Console(), now)
    raise typer.Exit(report.worst(seen, now))


def check_online(settings: Config) -> None:
    """Look at every target, say what works and what to grant, and exit with 1 if something does not."""
    good = True
    for one in _look(settings):
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
            typer.echo(
                f"  In Vault's audit log the exporter is entity_id {one.entity_id or '(none)'}, display_name "
                f"{one.display_name or '(none)'}; audit.exclude leaves it out."
            )
    if any(is_wrapped(one.auth) for one in (*settings.targets, *settings.discovery)):
        typer.echo("Wrapped secret-ids were left alone, and no login tried with them: they can be opened only once.")
    if not good:
        raise typer.Exit(1)


def _look(settings: Config) -> list[Seen]:
    logs.configure(logs.LogFormat.LOGFMT, logs.LogLevel.ERROR)
    return asyncio.run(look(settings))
