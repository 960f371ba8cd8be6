"""What breaks next: redundancy, keys, certificates, backups, and what the exporter itself needs."""

from typing import Final

from dashboards import style
from dashboards.layout import Section
from dashboards.panels import Panel, stat
from dashboards.queries import Query, by, if_active, select
from dashboards.sections import certificate
from dashboards.sections.health import FAILING
from dashboards.style import colored, link, step
from vault_exporter.metrics import catalogue as c

__all__ = ["soon", "tolerance"]

_DAY: Final = 86400
_NO_FILE: Final = -1


def soon() -> Section:
    """Return one line of what an operator has to look after before it breaks."""
    return Section(
        "Needs attention soon",
        [
            (4, [_tolerance(), _barrier_key(), _backup(), _certificate()]),
            (4, [_token(), _audit_reader(), _collectors(), _canary()]),
        ],
    )


def tolerance() -> str:
    """Return the query for the nodes that a cluster can lose: with raft what autopilot says, or the standbys."""
    autopilot = by("cluster", if_active(c.AUTOPILOT_FAILURE_TOLERANCE), "min")
    standbys = by("cluster", f"{select(c.STANDBY)} * (1 - {select(c.SEALED)}) * {select(c.UP)}")
    serves = by("cluster", f"{select(c.ACTIVE)} * {select(c.UP)}", "max")
    none = f"0 * {by('cluster', select(c.UP), 'max')}"  # a node without its storage does not say that it is a standby
    return f"{autopilot} or {standbys} * {serves} or {none}"


def _tolerance() -> Panel:
    return stat(
        "Failure tolerance",
        "Nodes that the cluster can lose and still serve: with raft what autopilot says of the quorum, with other "
        "storages the healthy standbys. 0 while no node is active. A single node has none to lose.",
        Query(tolerance(), "{{cluster}}"),
        thresholds=[step(style.BAD), step(style.GOOD, 1)],
        nothing="no nodes",
        nothing_color=style.BAD,
        links=[link("Storage and HA", "vault-storage")],
    )


def _barrier_key() -> Panel:
    return stat(
        "Barrier key age",
        "How long the key that encrypts the storage has been in use. Rotate it every 90 days or sooner; Vault by "
        "itself only counts encryptions. From the active node, with a token.",
        Query(f"time() - {by('cluster', if_active(c.BARRIER_KEY_INSTALLED), 'max')}", "{{cluster}}"),
        unit="s",
        thresholds=[step(style.GOOD), step(style.WARN, 75 * _DAY), step(style.BAD, 90 * _DAY)],
        nothing="unknown",
        links=[link("Storage and HA", "vault-storage")],
    )


def _backup() -> Panel:
    age = f"time() - {by('name', select(c.BACKUP_LAST), 'max')}"
    missing = f"({by('name', select(c.BACKUP_FILES), 'max')} == 0) + {_NO_FILE}"
    return stat(
        "Backup age",
        "How old the newest file of each backup is that the exporter was told to look at. No file: it was never "
        "made, or is looked for in the wrong place.",
        Query(f"{age} or {missing}", "{{name}}"),
        unit="s",
        thresholds=[step(style.GOOD), step(style.WARN, _DAY), step(style.BAD, 2 * _DAY)],
        mappings=[style.mapping([("no file", style.BAD)], first=_NO_FILE)],
        nothing="none set",
        links=[link("Storage and HA", "vault-storage")],
    )


def _certificate() -> Panel:
    left, state = certificate.seconds_left(), certificate.state()
    worst_first = (
        f'label_replace(min({left} and {state} == {number}), "state", "{name}", "", "")'
        for number, (name, _) in enumerate(certificate.STATES)
    )
    return stat(
        "Certificate expires in",
        "How long the certificate of a listener is still valid: of those in the worst state, the one that expires "
        "first. Orange and red when VaultCertificateExpiring and VaultCertificateExpiresNow fire. Only of nodes asked "
        "over https.",
        Query(" or on () ".join(worst_first), "{{state}}"),
        unit="s",
        overrides=[colored(name, step(color)) for name, color in certificate.STATES],
        nothing="no TLS",
        links=[link("Nodes", "vault-node")],
    )


def _token() -> Panel:
    return stat(
        "Exporter's token",
        "Targets where the exporter has a token that Vault accepts, and where it has none that is good. Without one, "
        "what needs a token is missing here.",
        Query(f"sum({select(c.TOKEN_VALID)})", "good"),
        Query(f"count({select(c.TOKEN_VALID)} == 0) or sum({select(c.TOKEN_VALID)}) * 0", "bad"),
        overrides=[
            colored("good", step(style.GOOD)),
            colored("bad", step(style.GOOD), step(style.BAD, 1)),
        ],
        nothing="no login",
        textMode="value_and_name",
        links=[link("Exporter", "vault-exporter")],
    )


def _audit_reader() -> Panel:
    readable = select(c.AUDIT_READABLE)
    return stat(
        "Audit logs",
        "Audit logs that the exporter reads, and that it cannot read.",
        Query(f"sum({readable})", "read"),
        Query(f"count({readable} == 0) or sum({readable}) * 0", "unreadable"),
        overrides=[
            colored("read", step(style.BAD), step(style.GOOD, 1)),
            colored("unreadable", step(style.GOOD), step(style.BAD, 1)),
        ],
        nothing="none set",
        textMode="value_and_name",
        links=[link("Audit and security", "vault-audit")],
    )


def _collectors() -> Panel:
    return stat(
        "Failing collectors",
        "What the exporter asks of nodes that answer, and does not get. A failing collector leaves panels without "
        "data; the dashboard of the exporter lists them with their reasons.",
        Query(f"count({FAILING}) or (sum({select(c.UP)}) > 0) * 0", "fail"),
        thresholds=[step(style.GOOD), step(style.WARN, 1)],
        nothing="no node answers",
        links=[link("Exporter", "vault-exporter")],
    )


def _canary() -> Panel:
    return stat(
        "Canary",
        "Whether the exporter could last write, read and delete a secret of its own, where it was told to try.",
        Query(by("cluster", if_active(c.CANARY_SUCCESS), "min"), "{{cluster}}"),
        mappings=[style.mapping([("fails", style.BAD), ("works", style.GOOD)])],
        nothing="does not run",
        links=[link("Storage and HA", "vault-storage")],
    )
