"""The dashboard ``vault-overview``: is Vault all right, and if not, where?"""

from typing import Final

from grafanalib import core

from dashboards.frame import dashboard
from dashboards.layout import Section
from dashboards.sections import audit, health, leases, runtime, slo, soon, storage, traffic
from vault_exporter.metrics import catalogue as c

__all__ = ["UID", "overview"]

UID: Final = "vault-overview"

_GUIDE: Final = """\
**From top to bottom, as in an incident.**

1. *Serving* and *Alerts* say whether something is wrong. An alert's name leads to its runbook, which says what to
   do; set its address in *Runbooks at*.
2. *Members* and *State of each node* say where it is and since when. **Down**: the node does not answer, *Why down*
   says how. **Sealed**: somebody must give key shares. All on **standby**: no node can take the lock in the
   storage.
3. *Traffic and errors* says whether clients notice, *Needs attention soon* what breaks next.

Colours mean the same everywhere: green active or good, blue standby, orange sealed or a warning, red down or bad.
Grey words stand where there is nothing to show and nothing wrong. Red lines on graphs mark alerts, green ones changes
of leadership. A click on a value leads to the dashboard that says more.
"""


def overview() -> core.Dashboard:
    """Return the dashboard as grafanalib has it."""
    return dashboard(
        "Overview",
        UID,
        "Is Vault all right, and if not, where? HashiCorp Vault and OpenBao, from vault-exporter.",
        [
            health.incident(),
            _traffic(),
            soon.soon(),
            Section("Storage and leases", [(9, storage.in_short()), (9, leases.in_short())], collapsed=True),
            Section("Security", [(9, audit.in_short(), (5, 8, 5, 6))], collapsed=True),
            Section("Processes", [(9, runtime.in_short())], collapsed=True),
        ],
        guide=_GUIDE,
        namespaces=c.AUDIT_NAMESPACE_ENTRIES,
        runbooks=True,
    )


def _traffic() -> Section:
    return Section(
        "Traffic and errors",
        [(9, [traffic.operations(), traffic.quantiles(), audit.classes(), slo.burn_rate()], (6, 5, 8, 5))],
    )
