"""The colours of certificates agree with the alerts, whatever the life of a certificate is."""

from pathlib import Path
from typing import Final

import yaml

from dashboards.sections import certificate
from tests.alerts.promtool import RULES, promtool

HOUR: Final = 3600
DAY: Final = 24 * HOUR
NOW: Final = 600
"""Time of the evaluation, which promtool counts from 0."""
GOOD, SOON, NOW_STATE = certificate.GOOD, certificate.EXPIRES_SOON, certificate.EXPIRES_NOW

CERTIFICATES: Final = {
    "a year, 100 days left": (365 * DAY, 100 * DAY, GOOD),
    "a year, 20 days left": (365 * DAY, 20 * DAY, GOOD),
    "a year, 10 days left": (365 * DAY, 10 * DAY, SOON),
    "a year, a day left": (365 * DAY, DAY, NOW_STATE),
    "a year, expired": (365 * DAY, -HOUR, NOW_STATE),
    "30 days, a quarter left": (30 * DAY, 7 * DAY + 12 * HOUR, SOON),
    "a day, fresh": (DAY, 23 * HOUR, GOOD),
    "a day, a quarter left": (DAY, 6 * HOUR, SOON),
    "a day, a tenth left": (DAY, 2 * HOUR, NOW_STATE),
}
"""By name: seconds of its life, seconds that are left, and the state."""


def filled_in(expr: str) -> str:
    return expr.replace("$job", ".+").replace("$cluster", ".+").replace("$instance", ".+")


def test_states_are_those_of_the_alerts(tmp_path: Path) -> None:
    series = [
        {"series": f"vault_listener_certificate_{name}_timestamp_seconds{{{labels(node)}}}", "values": f"{time}x60"}
        for node, (life, left, _) in CERTIFICATES.items()
        for name, time in (("not_after", NOW + left), ("not_before", NOW + left - life))
    ]
    states = [(labels(node, job=False), state) for node, (_, _, state) in CERTIFICATES.items()]
    expected = [
        (filled_in(certificate.state()), states),
        *(
            (
                RULES[alert][1]["expr"],
                [(labels(node), left) for node, (_, left, state) in CERTIFICATES.items() if state <= worst],
            )
            for alert, worst in (("VaultCertificateExpiring", SOON), ("VaultCertificateExpiresNow", NOW_STATE))
        ),
    ]
    test = {
        "interval": "15s",
        "input_series": series,
        "promql_expr_test": [
            {
                "expr": expr,
                "eval_time": f"{NOW}s",
                "exp_samples": [{"labels": f"{{{node}}}", "value": value} for node, value in samples],
            }
            for expr, samples in expected
        ],
    }
    path = tmp_path / "test.yml"
    path.write_text(yaml.safe_dump({"tests": [test]}))
    done = promtool("test", "rules", path)
    assert done.returncode == 0, done.stdout


def labels(node: str, *, job: bool = True) -> str:
    return f'cluster="prod",instance="{node}"' + (',job="vault"' if job else "")
