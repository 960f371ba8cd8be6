"""The command line ``vault-exporter``. Each command has its own file; :mod:`vault_exporter.cli.table` lists them.

Nothing else is imported here: a container's health check runs every few seconds, and must not cost much.
"""

import sys

from vault_exporter import __version__

__all__ = ["main"]


def main() -> None:
    """Run the command line."""
    arguments = sys.argv[1:]
    if arguments == ["--version"]:
        sys.stdout.write(f"vault-exporter {__version__}\n")
        return
    if arguments[:1] == ["healthcheck"]:
        from vault_exporter.cli import probe  # noqa: PLC0415 - only this command needs it

        if (options := probe.read(arguments[1:])) is not None:
            problem = probe.check(options)
            sys.exit(f"{problem}" if problem else 0)
    from vault_exporter.cli.table import assembled  # noqa: PLC0415 - it takes most of the time of a start

    assembled(arguments)()
