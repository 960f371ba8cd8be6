"""Everything that was read, for the checks."""

import msgspec

from vault_exporter.diagnose.doctor.pack import Pack
from vault_exporter.diagnose.doctor.read.alertmanager import Alertmanager
from vault_exporter.diagnose.doctor.read.exporter import Exporter
from vault_exporter.diagnose.doctor.read.grafana import Grafana
from vault_exporter.diagnose.doctor.read.prometheus import Prometheus

__all__ = ["Chain"]


class Chain(msgspec.Struct, frozen=True):
    """The chain from the nodes to a person. What was not given is None."""

    pack: Pack
    prometheus: Prometheus
    alertmanager: Alertmanager | None = None
    grafana: Grafana | None = None
    exporter: Exporter | None = None
    """The exporter of ``--config``, as ``check --online`` sees it."""
