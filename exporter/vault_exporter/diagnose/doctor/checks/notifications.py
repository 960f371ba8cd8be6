"""Do notifications leave Alertmanager?"""

from collections.abc import Iterator
from typing import Final

from vault_exporter.diagnose.doctor.chain import Chain
from vault_exporter.diagnose.doctor.finding import Finding, Level

__all__ = ["failing_notifications", "placeholders"]

_PLACEHOLDER: Final = "http://heartbeat/vault"
"""The address of the dead man's switch in alerts/alertmanager, which everybody has to replace."""


def failing_notifications(chain: Chain) -> Iterator[Finding]:
    """Integrations of the configuration that fail more often than not."""
    alertmanager = chain.alertmanager
    if alertmanager is None:
        return
    for integration, (tried, failed) in sorted(alertmanager.notifications.items()):
        users = sorted(name for name, one in alertmanager.receivers.items() if integration in one.integrations)
        if users and failed * 2 > tried:
            yield Finding(
                Level.CRITICAL,
                "notifications-failing",
                f"{failed:g} of {tried:g} notifications by {integration} have failed since Alertmanager started: "
                "alerts arrive there, and nobody is told",
                "look at Alertmanager's log, which has the error; then at the receiver's key file and URL, and at the "
                "network and proxy between Alertmanager and it. A restart of Alertmanager sets the counts back",
                f"alertmanager.yml: receivers: {integration}_configs",
                tuple(users),
            )


def placeholders(chain: Chain) -> Iterator[Finding]:
    """Webhooks with the address that the pack's configuration has as an example."""
    receivers = chain.alertmanager.receivers if chain.alertmanager else {}
    found = [name for name, one in receivers.items() if any(url.rstrip("/") == _PLACEHOLDER for url in one.webhooks)]
    if found:
        yield Finding(
            Level.WARNING,
            "webhook-placeholder",
            f"a webhook still has the URL {_PLACEHOLDER}, which is an example: no dead man's switch gets the heartbeat",
            "set the URL of your dead man's switch, or remove the receiver and its route",
            "alertmanager.yml: receivers: webhook_configs: url",
            tuple(sorted(found)),
        )
