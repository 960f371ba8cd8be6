"""Do the clocks agree?"""

from collections.abc import Iterator
from typing import Final

from vault_exporter.diagnose.doctor.chain import Chain
from vault_exporter.diagnose.doctor.finding import Finding, Level

__all__ = ["nodes", "servers"]

_SKEW_SECONDS: Final = 30
"""As in VaultClockSkew."""


def servers(chain: Chain) -> Iterator[Finding]:
    """Clocks of Prometheus, Alertmanager and Grafana, by the header Date of their answers, against this machine's."""
    for name, server in (
        ("Prometheus", chain.prometheus),
        ("Alertmanager", chain.alertmanager),
        ("Grafana", chain.grafana),
    ):
        skew = server.skew if server is not None else None
        if skew is not None and abs(skew) > _SKEW_SECONDS:
            yield Finding(
                Level.WARNING,
                "clock-skew",
                f"the clock of {name} is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} this machine's: "
                "alerts end too early or too late, and times since an event are wrong",
                "correct the clock of the machine that is wrong; run NTP on both",
                f"the machine of {name}, or this one",
            )


def nodes(chain: Chain) -> Iterator[Finding]:
    """Clocks of nodes against that of their exporter, as the exporter measures them."""
    samples = chain.prometheus.one("clock_skew")
    if wrong := [one for one in samples if abs(one.value) > _SKEW_SECONDS]:
        yield Finding(
            Level.WARNING,
            "clock-skew",
            f"clocks of nodes differ by up to {max(abs(one.value) for one in wrong):.0f} s from that of their exporter",
            "run NTP on the nodes and on the exporter's machine",
            "the nodes' machines",
            tuple(sorted(map(str, wrong))),
        )
