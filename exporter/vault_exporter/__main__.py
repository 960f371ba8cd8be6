"""Run the command line with ``python -m vault_exporter``."""

from vault_exporter.cli import main

main()
