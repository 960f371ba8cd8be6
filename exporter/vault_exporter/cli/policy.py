"""The command ``policy``."""

from typing import Annotated

import typer

from vault_exporter.checks import Flags
from vault_exporter.cli.options import ConfigOption, load_config, refuse
from vault_exporter.config.schema.model import Config, Target
from vault_exporter.diagnose.policy import policy_text, targets_of

__all__ = ["policy"]


def policy(
    config: ConfigOption = None,
    target: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Only for this target, or for the targets of a discovery (its address, name:port or path).",
        ),
    ] = None,
) -> None:
    """Print the minimal policy for the exporter's token; without a configuration file, for the defaults."""
    if config is None:
        settings = Config(targets=(Target("default", "http://127.0.0.1:8200"),))
    else:
        settings = load_config(config, Flags())
    targets = [one for one in targets_of(settings) if target in {None, one.name}]
    if not targets:
        if target is None:
            refuse("there is no target in the configuration; list one under targets or discovery, or set VAULT_ADDR")
        refuse(f"--target: no such target is listed; {_what_there_is(settings)}")
    typer.echo(policy_text(settings, targets), nl=False)


def _what_there_is(settings: Config) -> str:
    listed = f"listed: {', '.join(target.name for target in settings.targets) or 'none'}"
    if not settings.discovery:
        return listed
    found = " or ".join(f"--target {source.source}" for source in settings.discovery)
    return f"{listed}. A target that a discovery finds needs what all that it finds need; for these give {found}"
