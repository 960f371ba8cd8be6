"""What the audit logs say: who does what, what fails, who logs in, what an operator should have a look at."""

from typing import Final

from dashboards import native, style
from dashboards.layout import Section
from dashboards.panels import Column, Panel, stat, table, time_series
from dashboards.queries import PER_NODE, Query, by, by_node, happened, quantile, rate, ratio, select
from dashboards.sections.health import REQUESTS
from dashboards.style import painted, step
from vault_exporter.metrics import catalogue as c

__all__ = ["calls", "classes", "errors", "in_short", "logins", "reader", "security", "timing"]

_FAILED: Final = painted("failed|refused", style.BAD)
_FINE: Final = painted("^ok|succeeded", style.GOOD)
_NAMESPACE: Final = 'vault_namespace=~"$vault_namespace"'


def in_short() -> list[Panel]:
    """Return what the overview shows of security."""
    return [_logins(), _denials(), _namespaces(), _event_list()]


def calls() -> Section:
    """Return what is asked."""
    by_point = time_series(
        "Requests by mount",
        "Requests in the audit logs, by mount. The first so many mounts have a series of their own, further ones are "
        "`other`.",
        "reqps",
        Query(by("mount_point", REQUESTS), "{{mount_point}}"),
        stacked=True,
    )
    operations = time_series(
        "Requests by operation",
        "Requests in the audit logs, by what they do.",
        "reqps",
        Query(by("operation", REQUESTS), "{{operation}}"),
        stacked=True,
    )
    size = time_series(
        "Log volume by mount",
        "Bytes a second that the audit logs grow by, by mount: what fills the disk.",
        "Bps",
        Query(by("mount_point", rate(c.AUDIT_ENTRY_BYTES)), "{{mount_point}}"),
        stacked=True,
        many=True,
    )
    wrapped = time_series(
        "Response wrapping",
        "Responses wrapped, fetched, and wrapping tokens that were refused. One that its receiver cannot use was read "
        "by someone else.",
        "ops",
        Query(f"sum({rate(c.AUDIT_WRAPPED)})", "wrapped"),
        Query(f"sum({rate(c.AUDIT_UNWRAPS)})", "fetched"),
        Query(f"sum({rate(c.AUDIT_UNWRAP_FAILURES)})", "refused"),
        overrides=[_FAILED],
    )
    given = time_series(
        "Leases given by mount",
        "Secrets given with a lease, a second, by mount.",
        "ops",
        Query(by("mount_point", rate(c.AUDIT_LEASES_CREATED)), "{{mount_point}}"),
        stacked=True,
    )
    return Section(
        "Requests", [(9, [_entries(), operations, by_point]), (9, [_namespaces(), size]), (9, [wrapped, given])]
    )


def errors() -> Section:
    """Return what fails."""
    by_mount = time_series(
        "Errors by mount",
        "Requests that ended in an error, by mount.",
        "reqps",
        Query(by("mount_point", rate(c.AUDIT_ERRORS)), "{{mount_point}}"),
        stacked=True,
    )
    shares = time_series(
        "Share of failed requests",
        "Of the requests to each type of mount, those that ended in an error.",
        "percentunit",
        Query(ratio(by("mount_type", rate(c.AUDIT_ERRORS)), by("mount_type", REQUESTS)), "{{mount_type}}"),
    )
    namespaces = time_series(
        "Errors by namespace",
        "Requests that ended in an error, by namespace.",
        "reqps",
        Query(by("vault_namespace", rate(c.AUDIT_NAMESPACE_ERRORS, _NAMESPACE)), "{{vault_namespace}}"),
        stacked=True,
    )
    return Section("Errors", [(9, [classes(), _denials(), by_mount]), (9, [shares, namespaces])])


def timing() -> Section:
    """Return how long requests take, by what they are for."""
    by_type = time_series(
        "Latency p95 by mount type",
        "19 of 20 audited requests were answered within this time, by the type of mount.",
        "s",
        Query(quantile(0.95, c.AUDIT_DURATION, "mount_type"), "{{mount_type}}"),
    )
    by_class = time_series(
        "Latency p95 by class of operation",
        "19 of 20 audited requests were answered within this time, by what they do. Writes wait for storage.",
        "s",
        Query(quantile(0.95, c.AUDIT_DURATION, "operation_class"), "{{operation_class}}"),
    )
    pending = time_series(
        "Requests without an answer yet",
        "Requests whose responses were not read yet. Growth without growing traffic: requests that hang, or an audit "
        "device that filters responses out.",
        "short",
        Query(by_node(select(c.AUDIT_PENDING)), PER_NODE),
    )
    return Section("Latency", [(9, [by_type, by_class, pending])])


def logins() -> Section:
    """Return who gets in, and who does not."""
    share = time_series(
        "Share of failed logins",
        "Of the logins by each mount, those that were refused. High with many: somebody guesses. High with few: a "
        "client with an old credential.",
        "percentunit",
        Query(
            ratio(
                by("mount_point", rate(c.AUDIT_LOGIN_FAILURES)),
                f"({by('mount_point', rate(c.AUDIT_LOGINS))} + {by('mount_point', rate(c.AUDIT_LOGIN_FAILURES))})",
            ),
            "{{mount_point}}",
        ),
    )
    return Section("Logins", [(9, [_logins(), _login_failures(), share])])


def security() -> Section:
    """Return the events that rules find in the audit logs, and what guards the logs."""
    devices = stat(
        "Audit devices",
        "Audit devices that are enabled, by type; fewer than two and a full disk stops Vault. Needs the collector "
        "audit_devices.",
        Query(by("type", select(c.AUDIT_DEVICES), "max"), "{{type}}"),
        Query(f"max({select(c.AUDIT_DEVICES_LOG_RAW)})", "raw"),
        overrides=[style.colored("raw", step(style.GOOD), step(style.BAD, 1))],
        textMode="value_and_name",
        nothing="not asked",
    )
    blocked = time_series(
        "Audit devices failing",
        "Entries that no audit device could write, a second. Vault refuses every request until one can.",
        "ops",
        Query(by_node(rate(native.AUDIT_LOG_REQUEST_FAILURE)), f"{PER_NODE} requests"),
        Query(by_node(rate(native.AUDIT_LOG_RESPONSE_FAILURE)), f"{PER_NODE} responses"),
    )
    return Section("Security events", [(9, [_events(), _event_list(), devices, blocked], (7, 7, 4, 6))])


def reader() -> Section:
    """Return how reading the logs goes."""
    age = time_series(
        "Age of the newest entry",
        "How long ago the newest entry read was written, by its own time. Grows while nothing is asked of Vault, too.",
        "s",
        Query(f"time() - {by('cluster, instance, log', select(c.AUDIT_LAST_ENTRY), 'max')}", f"{PER_NODE} {{{{log}}}}"),
    )
    speed = time_series(
        "Reading speed",
        "Bytes of each log read a second.",
        "Bps",
        Query(by("cluster, instance, log", rate(c.AUDIT_READ_BYTES)), f"{PER_NODE} {{{{log}}}}"),
    )
    trouble = table(
        "Not counted, or not as it is",
        "In the time shown: lines that are no entry, bytes lost before they were read, requests given up waiting for, "
        "responses whose requests were not read, entries counted as `other`, and entries left out on purpose.",
        {
            "cluster": Column("Cluster"),
            "instance": Column("Exporter"),
            "Value #A": Column("Rejected lines", steps=[step(style.GOOD), step(style.WARN, 1)]),
            "Value #B": Column("Bytes lost", unit="bytes", steps=[step(style.GOOD), step(style.BAD, 1)]),
            "Value #C": Column("Unanswered requests"),
            "Value #D": Column("Unmatched responses"),
            "Value #E": Column("Counted as other", steps=[step(style.GOOD), step(style.WARN, 1)]),
            "Value #F": Column("Excluded"),
        },
        *(
            by_node(happened(one))
            for one in (
                *(c.AUDIT_REJECTED, c.AUDIT_LOST_BYTES, c.AUDIT_UNANSWERED),
                *(c.AUDIT_UNMATCHED, c.AUDIT_OVERFLOW, c.AUDIT_EXCLUDED),
            )
        ),
    )
    files = table(
        "Log files",
        "Logs by their paths: whether each is being read, how often it was replaced and truncated in the time shown, "
        "and how often the exporter, when it started, could not go on where it was.",
        {
            "instance": Column("Exporter"),
            "log": Column("Log"),
            "Value #A": Column("Read", states=[("no", style.BAD), ("yes", style.GOOD)]),
            "Value #B": Column("Replaced"),
            "Value #C": Column("Truncated", steps=[step(style.GOOD), step(style.WARN, 1)]),
            "Value #D": Column("Gaps", steps=[step(style.GOOD), step(style.BAD, 1)]),
        },
        by("cluster, instance, log", select(c.AUDIT_READABLE), "min"),
        by("cluster, instance, log", happened(c.AUDIT_ROTATIONS)),
        by("cluster, instance, log", happened(c.AUDIT_TRUNCATIONS)),
        by("cluster, instance, log", happened(c.AUDIT_GAPS)),
    )
    checkpoint = stat(
        "Age of the checkpoint",
        "How long ago the exporter last noted how far it has read, to go on from there after a restart. No checkpoint: "
        "it then starts at the end of each log.",
        Query(f"time() - {by_node(select(c.AUDIT_CHECKPOINT), 'max')}", PER_NODE),
        unit="s",
        thresholds=[step(style.GOOD), step(style.WARN, 300)],
        nothing="none",
    )
    return Section("Reading the logs", [(9, [_lag(), age, speed]), (7, [files, checkpoint], (18, 6)), (7, [trouble])])


def _entries() -> Panel:
    return time_series(
        "Entries by type",
        "Requests and responses written to the audit logs, a second. They go together unless a device filters.",
        "ops",
        Query(by("type", rate(c.AUDIT_ENTRIES)), "{{type}}"),
    )


def _namespaces() -> Panel:
    return time_series(
        "Requests by namespace",
        "Requests in the audit logs, by namespace.",
        "reqps",
        Query(
            by("vault_namespace", rate(c.AUDIT_NAMESPACE_ENTRIES, 'type="request"', _NAMESPACE)), "{{vault_namespace}}"
        ),
        stacked=True,
    )


def classes() -> Panel:
    """Return errors by class."""
    return time_series(
        "Errors by class",
        "Requests that ended in an error, by class. A burst of permission errors is a broken policy, an expired "
        "token, or somebody trying doors.",
        "reqps",
        Query(by("class", rate(c.AUDIT_ERRORS)), "{{class}}"),
        stacked=True,
    )


def _denials() -> Panel:
    return time_series(
        "Denials by mount",
        "Requests that a policy denied, by mount.",
        "reqps",
        Query(by("mount_point", rate(c.AUDIT_ERRORS, 'class="permission_denied"')), "{{mount_point}}"),
        stacked=True,
    )


def _logins() -> Panel:
    return time_series(
        "Logins",
        "Logins that gave a token, and logins that were refused, a second.",
        "ops",
        Query(f"sum({rate(c.AUDIT_LOGINS)})", "succeeded"),
        Query(f"sum({rate(c.AUDIT_LOGIN_FAILURES)})", "failed"),
        overrides=[_FINE, _FAILED],
    )


def _login_failures() -> Panel:
    return time_series(
        "Failed logins by mount",
        "Logins that were refused, by auth mount.",
        "ops",
        Query(by("mount_point", rate(c.AUDIT_LOGIN_FAILURES)), "{{mount_point}}"),
        stacked=True,
    )


def _events() -> Panel:
    return time_series(
        "Events",
        "Security and operations events in the audit logs, a second: use of a root token, changed policies, seals, and "
        "those of rules of your own.",
        "ops",
        Query(f"{by('event', rate(c.AUDIT_EVENTS))} > 0", "{{event}}"),
        stacked=True,
        empty="none",
    )


def _event_list() -> Panel:
    times = f"round({by('event', happened(c.AUDIT_EVENTS))}) > 0"
    return table(
        "Events that happened",
        "Each event that happened in the time shown: how often, and when last. The audit log itself says who it was.",
        {
            "event": Column("Event"),
            "Value #A": Column("Times"),
            "Value #B": Column("Last", unit="dateTimeFromNow"),
        },
        times,
        f"({by('event', select(c.AUDIT_EVENT_LAST), 'max')} and on (event) {times}) * 1000",
        empty="none",
    )


def _lag() -> Panel:
    return time_series(
        "Audit reader lag",
        "Bytes of the audit log that the exporter has not read yet. Near zero is right; steady growth means that "
        "all figures from the audit log are late.",
        "bytes",
        Query(by("cluster, instance, log", select(c.AUDIT_LAG), "max"), f"{PER_NODE} {{{{log}}}}"),
    )
