"""The command ``check``."""

import os
from typing import Annotated

import typer

from vault_exporter.checks import ConfigError, Flags, load
from vault_exporter.checks.missing_files import empty_credentials, log_errors, missing_files, unread_logs
from vault_exporter.cli.diagnosis import describe_discovery, run_diagnosis
from vault_exporter.cli.options import ConfigOption, fail, with_flags
from vault_exporter.config.load import environment_notices
from vault_exporter.config.schema import inputs
from vault_exporter.config.schema.model import Config
from vault_exporter.diagnose.check import describe_targets
from vault_exporter.diagnose.online import is_wrapped
from vault_exporter.scrape.node_state import Mode

__all__ = ["check"]

_LOCKED = {Mode.SEALED, Mode.UNINITIALIZED}


@with_flags
def check(
    config: ConfigOption = None,
    *,
    given: Flags,
    online: Annotated[
        bool, typer.Option("--online", help="Also connect to the targets, log in, and check the token's capabilities.")
    ] = False,
) -> None:
    """Check the configuration and report every error. Without --online, it connects to nothing."""
    try:
        settings = load(config, given, os.environ)
    except ConfigError as error:  # the result of the check, not wrong usage of it
        fail(str(error))
    if empty := list(empty_credentials(settings)):
        fail("\n".join(empty))
    targets = [target.name for target in settings.targets] or ["none listed" if settings.discovery else "none"]
    discovery = f"discovery: {', '.join(map(str, settings.discovery))}, " if settings.discovery else ""
    audit = (*map(str, settings.audit.logs), *map(inputs.name, settings.audit.inputs))
    typer.echo(
        f"The configuration is good: listen on {settings.listen}, targets: {', '.join(targets)}, {discovery}"
        f"audit logs: {', '.join(audit) or 'none'}."
    )
    for notice in environment_notices(config, os.environ):
        typer.echo(notice)
    for warning in missing_files(settings):
        typer.echo(f"warning: {warning}")
    if online:
        _check_online(settings)
    else:
        for warning in unread_logs(settings):
            typer.echo(f"warning: {warning}")


def _check_online(settings: Config) -> None:
    """Check every target and log, print the results and missing grants, and exit with 1 after a failure."""
    targets, discoveries = run_diagnosis(settings)
    for state in discoveries:
        typer.echo(describe_discovery(state))
    for line in describe_targets(targets):
        typer.echo(line)
    failed = sum(bool(state.error or state.dropped) for state in discoveries)
    failed += sum(bool(finding.problem) for target in targets for finding in target.findings)
    for log, error in log_errors(settings):
        failed += bool(error)
        typer.echo(f"audit log {log}: {error or 'can be read'}")
    if any(is_wrapped(one.auth) for one in (*settings.targets, *settings.discovery)):
        typer.echo(
            "Targets with a wrapped secret-id were checked without a login, since serve needs the secret-id and it can "
            "be unwrapped only once."
        )
    if failed:
        typer.echo(f"Result: {failed} {'check' if failed == 1 else 'checks'} failed; see above.")
        raise typer.Exit(1)
    locked = [one.settings.name for one in targets if not one.down and one.scrape.state.mode in _LOCKED]
    if locked:
        typer.echo(f"Result: not complete, since not unsealed: {', '.join(locked)}. Unseal and check again.")
        raise typer.Exit(1)
    typer.echo("Result: all checks passed.")
