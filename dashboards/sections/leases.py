"""Leases, tokens, and what is mounted."""

from dashboards import native, style
from dashboards.layout import Section
from dashboards.panels import Panel, stat, time_series
from dashboards.queries import PER_NODE, Metric, Query, by, by_node, if_active, rate
from dashboards.style import step
from vault_exporter.metrics import catalogue as c

__all__ = ["in_short", "inventory", "leases"]


def in_short() -> list[Panel]:
    """Return what the overview shows of leases and tokens."""
    irrevocable, tokens, *_ = _totals()
    return [_number(), irrevocable, tokens]


def leases() -> Section:
    """Return how many leases and tokens there are, and their coming and going."""
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
    return Section("Leases and tokens", [(5, _totals()), (9, [_number(), tokens, changes])])


def _number() -> Panel:
    return time_series(
        "Leases",
        "Leases that the active node keeps, those of tokens among them. A surge is a client that asks for a new one "
        "instead of renewing; a million slows Vault's start.",
        "short",
        Query(by_node(if_active(native.EXPIRE_NUM_LEASES)), PER_NODE),
    )


def _totals() -> list[Panel]:
    def total(metric: Metric) -> str:
        return by("cluster", if_active(metric), "max")

    return [
        stat(
            "Irrevocable leases",
            "Leases whose revocation failed for good: the credentials behind them still work.",
            Query(total(c.IRREVOCABLE_LEASES), "{{cluster}}"),
            thresholds=[step(style.GOOD), step(style.WARN, 1)],
            nothing="unknown",
        ),
        stat(
            "Service tokens",
            "Service tokens that are valid.",
            Query(total(c.SERVICE_TOKENS), "{{cluster}}"),
            nothing="unknown",
        ),
        stat(
            "Identity entities",
            "Entities of the identity store: who has ever logged in.",
            Query(total(c.IDENTITY_ENTITIES), "{{cluster}}"),
            nothing="unknown",
        ),
        stat(
            "Locked users",
            "Users who are locked out after failed logins.",
            Query(total(c.LOCKED_USERS), "{{cluster}}"),
            thresholds=[step(style.GOOD), step(style.WARN, 1)],
            nothing="unknown",
        ),
    ]


def inventory() -> Section:
    """Return what the cluster holds, by kind."""
    return Section(
        "Inventory",
        [
            (
                7,
                [
                    stat(
                        "Secrets engines",
                        "Secrets engines that are mounted, by type.",
                        Query(by("type", if_active(c.MOUNTS)), "{{type}}"),
                        textMode="value_and_name",
                        nothing="unknown",
                        orientation="horizontal",
                    ),
                    stat(
                        "Auth methods",
                        "Auth methods that are mounted, by type.",
                        Query(by("type", if_active(c.AUTH_MOUNTS)), "{{type}}"),
                        textMode="value_and_name",
                        nothing="unknown",
                        orientation="horizontal",
                    ),
                    stat(
                        "Policies, quotas, namespaces",
                        "How many there are. Namespaces are those directly in the one that the exporter asks in.",
                        Query(by("type", if_active(c.POLICIES)), "{{type}} policies"),
                        Query(by("type", if_active(c.QUOTAS)), "{{type}} quotas"),
                        Query(f"sum({if_active(c.NAMESPACES)})", "namespaces"),
                        textMode="value_and_name",
                        nothing="unknown",
                        orientation="horizontal",
                    ),
                    stat(
                        "Deprecated plugins",
                        "Mounts whose plugin is deprecated, pending removal, or removed: they stop working with some "
                        "upgrade.",
                        Query(f"sum({if_active(c.MOUNTS_DEPRECATED)})", "secrets engines"),
                        Query(f"sum({if_active(c.AUTH_MOUNTS_DEPRECATED)})", "auth methods"),
                        thresholds=[step(style.GOOD), step(style.WARN, 1)],
                        textMode="value_and_name",
                        nothing="unknown",
                        orientation="horizontal",
                    ),
                ],
            )
        ],
    )
