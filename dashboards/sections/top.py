"""Who asks, and for which paths: what the audit reader counts where its configuration says so."""

from dashboards import style
from dashboards.layout import Section
from dashboards.panels import Column, table, time_series
from dashboards.queries import Query, by, happened, rate, select
from vault_exporter.metrics import catalogue as c

__all__ = ["inputs", "top"]


def top() -> Section:
    """Return different askers, and series of the clients and paths that somebody named."""
    different = time_series(
        "Different askers",
        "Different clients, entities and addresses in the requests of the last hour, or of the window that `audit.top` "
        "sets. A jump in addresses: a credential in more hands.",
        "short",
        Query(f"sum({select(c.AUDIT_CLIENTS)})", "clients"),
        Query(f"sum({select(c.AUDIT_ENTITIES)})", "entities"),
        Query(f"sum({select(c.AUDIT_ADDRESSES)})", "addresses"),
    )
    clients = time_series(
        "Requests by client",
        "Requests of the clients whose display names `audit.top.clients` lists, and of all others.",
        "reqps",
        Query(by("client", rate(c.AUDIT_CLIENT_REQUESTS)), "{{client}}"),
        stacked=True,
        many=True,
    )
    paths = time_series(
        "Requests by path",
        "Requests whose paths fit a template of `audit.paths`, with its names filled in.",
        "reqps",
        Query(by("path", rate(c.AUDIT_PATH_REQUESTS)), "{{path}}"),
        stacked=True,
        many=True,
    )
    failed = time_series(
        "Failed requests by path",
        "Those of them that failed.",
        "reqps",
        Query(by("path", rate(c.AUDIT_PATH_ERRORS)), "{{path}}"),
        stacked=True,
        many=True,
    )
    return Section("Who asks for what", [(9, [different, clients]), (9, [paths, failed])], collapsed=True)


def inputs() -> Section:
    """Return how entries come in over the network."""
    connections = time_series(
        "Connections of inputs",
        "Connections that are open to a socket or syslog input.",
        "short",
        Query(by("log", select(c.AUDIT_CONNECTIONS)), "{{log}}"),
    )
    lost = table(
        "Dropped and refused by inputs",
        "In the time shown: lines that an input dropped since the exporter was behind (Vault is never made to wait), "
        "and connections that it refused.",
        {
            "log": Column("Input"),
            "Value #A": Column("Lines dropped", steps=[style.step(style.GOOD), style.step(style.BAD, 1)]),
            "Value #B": Column("Connections"),
            "Value #C": Column("Refused", steps=[style.step(style.GOOD), style.step(style.WARN, 1)]),
        },
        by("log", happened(c.AUDIT_DROPPED)),
        by("log", happened(c.AUDIT_ACCEPTED)),
        by("log", happened(c.AUDIT_REFUSED)),
        empty="no input",
    )
    return Section("Entries over the network", [(9, [connections, lost])], collapsed=True)
