"""Leases, tokens, and what is mounted."""

from dashboards import native, style
from dashboards.layout import Section
from dashboards.panels import Panel, stat, time_series
from dashboards.queries import PER_NODE, Metric, Query, by, by_node, rate, select
from dashboards.style import step
from vault_exporter.metrics import catalogue as c

__all__ = ["inventory", "leases"]


def leases() -> Section:
    """Return how many leases and tokens there are, and their coming and going."""
    number = time_series(
        "Leases",
        "Leases that the active node keeps, those of tokens among them. A surge is a client that asks for a new one "
        "instead of renewing; a million slows Vault's start.",
        "short",
        # A former leader goes on showing its last number until its telemetry expires.
        Query(
            by_node(f"{select(native.EXPIRE_NUM_LEASES)} and on (cluster, instance) {select(c.ACTIVE)} == 1"), PER_NODE
        ),
    )
    tokens = time_series(
        "Tokens by type",
        "Tokens a second that logins and token creation gave, by type, from the audit log.",
        "ops",
        Query(by("token_type", rate(c.AUDIT_TOKENS_CREATED)), "{{token_type}}"),
        stacked=True,
    )
    changes = time_series(
        "Renewals and revocations",
        "Renewals and revocations of tokens and leases that somebody asked for, a second, from the audit log.",
        "ops",
        Query(f"sum({rate(c.AUDIT_TOKENS_RENEWED)})", "tokens renewed"),
        Query(f"sum({rate(c.AUDIT_TOKENS_REVOKED)})", "tokens revoked"),
        Query(f"sum({rate(c.AUDIT_LEASES_RENEWED)})", "leases renewed"),
        Query(f"sum({rate(c.AUDIT_LEASES_REVOKED)})", "leases revoked"),
    )
    return Section("Leases and tokens", [(5, _totals()), (8, [number, tokens, changes])])


def _totals() -> list[Panel]:
    def total(metric: Metric) -> str:
        return by("cluster", select(metric), "max")

    return [
        stat(
            "Irrevocable leases",
            "Leases whose revocation failed for good: the credentials behind them still work.",
            Query(total(c.IRREVOCABLE_LEASES), "{{cluster}}"),
            thresholds=[step(style.GOOD), step(style.WARN, 1)],
            noValue="no token",
        ),
        stat(
            "Service tokens",
            "Service tokens that are valid.",
            Query(total(c.SERVICE_TOKENS), "{{cluster}}"),
            noValue="no token",
        ),
        stat(
            "Identity entities",
            "Entities of the identity store: who has ever logged in.",
            Query(total(c.IDENTITY_ENTITIES), "{{cluster}}"),
            noValue="no token",
        ),
        stat(
            "Locked users",
            "Users who are locked out after failed logins.",
            Query(total(c.LOCKED_USERS), "{{cluster}}"),
            thresholds=[step(style.GOOD), step(style.WARN, 1)],
            noValue="no token",
        ),
    ]


def inventory() -> Section:
    """Return what the cluster holds, by kind."""
    return Section(
        "Inventory",
        [
            (
                6,
                [
                    stat(
                        "Secrets engines",
                        "Secrets engines that are mounted, by type.",
                        Query(by("type", select(c.MOUNTS)), "{{type}}"),
                        textMode="value_and_name",
                        noValue="no token",
                    ),
                    stat(
                        "Auth methods",
                        "Auth methods that are mounted, by type.",
                        Query(by("type", select(c.AUTH_MOUNTS)), "{{type}}"),
                        textMode="value_and_name",
                        noValue="no token",
                    ),
                    stat(
                        "Policies, quotas, namespaces",
                        "How many there are. Namespaces are those directly in the one that the exporter asks in.",
                        Query(by("type", select(c.POLICIES)), "{{type}} policies"),
                        Query(by("type", select(c.QUOTAS)), "{{type}} quotas"),
                        Query(f"sum({select(c.NAMESPACES)})", "namespaces"),
                        textMode="value_and_name",
                        noValue="no token",
                    ),
                    stat(
                        "Deprecated plugins",
                        "Mounts whose plugin is deprecated, pending removal, or removed: they stop working with some "
                        "upgrade.",
                        Query(f"sum({select(c.MOUNTS_DEPRECATED)})", "secrets engines"),
                        Query(f"sum({select(c.AUTH_MOUNTS_DEPRECATED)})", "auth methods"),
                        thresholds=[step(style.GOOD), step(style.WARN, 1)],
                        textMode="value_and_name",
                        noValue="no token",
                    ),
                ],
            )
        ],
    )
