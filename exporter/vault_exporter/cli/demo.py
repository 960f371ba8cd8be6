"""The command ``demo``, which ``make run`` runs."""

from typing import Annotated

import typer

__all__ = ["demo"]


def demo(
    duration: Annotated[
        float | None, typer.Option(min=5, metavar="SECONDS", help="Stop after this time, and check the results.")
    ] = None,
) -> None:
    """Run a local OpenBao with traffic and an audit log, the exporter, and Prometheus if it is installed."""
    from vault_exporter.demo.stack import run  # noqa: PLC0415 - only here are the parts of a demo needed

    raise typer.Exit(run(duration))
