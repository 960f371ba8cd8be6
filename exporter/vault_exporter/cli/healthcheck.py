"""The command ``healthcheck``, for a container's health check.

:mod:`vault_exporter.cli.probe` does the work, and normally runs without this file, which has the options' help.
"""

from vault_exporter.cli import probe
from vault_exporter.cli.options import ConfigOption, ListenOption, WebConfigOption, fail

__all__ = ["healthcheck"]


def healthcheck(
    config: ConfigOption = None, listen: ListenOption = None, web_config_file: WebConfigOption = None
) -> None:
    """Check the health of the exporter on this machine, for a container's health check."""
    text = str(web_config_file) if web_config_file else None
    if problem := probe.check(probe.Options(str(config) if config else None, listen, text)):
        fail(problem)
