"""The command behind ``make run``."""

from typing import Annotated

import typer

__all__ = ["demo"]


def demo(
    duration: Annotated[
        float | None, typer.Option(min=5, metavar="SECONDS", help="End by itself after so long, and judge what it saw.")
    ] = None,
) -> None:
    """Run a local OpenBao with traffic and an audit log, the exporter, and Prometheus where it is installed."""
    from vault_exporter.demo.stack import run  # noqa: PLC0415 - only here are the parts of a demo needed

    raise typer.Exit(run(duration))
