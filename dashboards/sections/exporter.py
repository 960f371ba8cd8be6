"""The exporter itself: what it asks, what it gets, what it costs."""

from dashboards import native, style
from dashboards.layout import Section
from dashboards.panels import Column, Panel, stat, state_timeline, table, time_series
from dashboards.queries import PER_NODE, Query, by, by_node, rate, select
from dashboards.sections.health import failing
from dashboards.style import painted
from vault_exporter.metrics import catalogue as c

__all__ = ["collectors", "discovery", "login", "process", "telemetry"]

_PER_COLLECTOR = "cluster, instance, collector"
_WORKS = (("Fails", style.BAD), ("Works", style.GOOD))


def collectors() -> Section:
    """Return what the exporter asks, and what Prometheus gets."""
    scrape = time_series(
        "Scrape duration",
        "How long each scrape took by the exporter's clock, and by Prometheus'.",
        "s",
        Query(by_node(select(c.PROBE_DURATION), "max"), PER_NODE),
        Query(by_node(select(native.SCRAPE_DURATION), "max"), f"{PER_NODE} in Prometheus"),
    )
    requests = time_series(
        "Requests per scrape",
        "HTTP requests that one scrape makes to the node.",
        "short",
        Query(by_node(select(c.PROBE_REQUESTS), "max"), PER_NODE),
    )
    samples = time_series(
        "Samples per scrape",
        "Samples that Prometheus gets from each scrape. Steady growth: a label that is not bounded.",
        "short",
        Query(by_node(select(native.SCRAPE_SAMPLES), "max"), PER_NODE),
    )
    age = time_series(
        "Age of readings",
        "How old what is shown is, of collectors that ask less often than they are scraped.",
        "s",
        Query(
            f"time() - {by(_PER_COLLECTOR, select(c.COLLECTOR_LAST_SUCCESS), 'min')}", f"{PER_NODE} {{{{collector}}}}"
        ),
        many=True,
    )
    return Section(
        "Collectors", [(17, [_success(), failing()]), (9, [_durations(), age]), (9, [scrape, requests, samples])]
    )


def telemetry() -> Section:
    """Return what becomes of Vault's own telemetry."""
    status = table(
        "Telemetry status",
        "What became of Vault's own telemetry in the last scrape; anything but ok means that panels from it are empty.",
        {"cluster": Column("Cluster"), "instance": Column("Target"), "status": Column("Status")},
        f"{by('cluster, instance, status', select(c.TELEMETRY_STATUS), 'max')} == 1",
    )
    passed = time_series(
        "Telemetry passed on",
        "Samples of Vault's own telemetry passed on in each scrape, and counters that are kept continuous.",
        "short",
        Query(by_node(select(c.TELEMETRY_SAMPLES), "max"), PER_NODE),
        Query(by_node(select(c.TELEMETRY_TRACKED), "max"), f"{PER_NODE} kept continuous"),
    )
    dropped = time_series(
        "Telemetry left out",
        "Lines of Vault's own telemetry left out in each scrape, by reason: filtered, stale duplicates of a seal "
        "state, replaced by a true series, or no sample at all.",
        "short",
        Query(by("reason", select(c.TELEMETRY_DROPPED)), "{{reason}}"),
    )
    return Section("Vault's telemetry", [(9, [status, passed]), (9, [_repaired(), dropped])])


def login() -> Section:
    """Return the exporter's tokens."""
    tokens = table(
        "Tokens",
        "How the exporter logs in to each target, whether Vault accepts its token, and when that expires.",
        {
            "cluster": Column("Cluster"),
            "instance": Column("Target"),
            "method": Column("Method"),
            "Value #B": Column("Good", states=[("no", style.BAD), ("yes", style.GOOD)]),
            "Value #C": Column("Expires in", unit="s", steps=[style.step(style.BAD), style.step(style.GOOD, 600)]),
        },
        by("cluster, instance, method", select(c.AUTH_INFO), "max"),
        by_node(select(c.TOKEN_VALID), "max"),
        f"{by_node(select(c.TOKEN_EXPIRY), 'max')} - time()",
    )
    logins = time_series(
        "Logins of the exporter",
        "Logins and renewals that the exporter tried, and those that failed, a second.",
        "ops",
        Query(f"sum({rate(c.LOGINS)})", "logins"),
        Query(f"sum({rate(c.TOKEN_RENEWALS)})", "renewals"),
        Query(f"sum({rate(c.LOGIN_FAILURES)})", "logins failed"),
        Query(f"sum({rate(c.TOKEN_RENEWAL_FAILURES)})", "renewals failed"),
        overrides=[painted("failed", style.BAD)],
    )
    return Section("Login to Vault", [(9, [tokens, logins])])


def process() -> Section:
    """Return what the exporter costs."""
    versions = table(
        "Exporters",
        "Each exporter that is scraped by itself: its version, and the targets that it knows.",
        {
            "instance": Column("Exporter"),
            "version": Column("Version"),
            "python": Column("Python"),
            "Value #B": Column("Targets"),
        },
        by("cluster, instance, version, python", select(c.BUILD_INFO), "max"),
        by_node(select(c.TARGETS), "max"),
    )
    processor = time_series(
        "Processor of the exporter",
        "Processors that the exporter keeps busy. It uses one at most; close to that, the audit reader falls behind.",
        "short",
        Query(by_node(rate(native.PROCESS_CPU)), PER_NODE),
        limit=1,
    )
    memory = time_series(
        "Memory of the exporter",
        "What the exporter takes of the machine's memory (resident).",
        "bytes",
        Query(by_node(select(native.PROCESS_MEMORY), "max"), PER_NODE),
    )
    files = time_series(
        "Open files of the exporter",
        "File descriptors in use, and how many the exporter may have.",
        "short",
        Query(by_node(select(native.PROCESS_OPEN_FDS), "max"), PER_NODE),
        Query(by_node(select(native.PROCESS_MAX_FDS), "max"), f"{PER_NODE} may have"),
        overrides=[painted("may have$", style.NEUTRAL)],
    )
    refused = time_series(
        "Requests refused",
        "Requests that the exporter refused, by reason: wrong credentials or certificate, or too many. Only with a "
        "web_config_file.",
        "reqps",
        Query(by("reason", rate(c.WEB_REFUSED)), "{{reason}}"),
    )
    reload = stat(
        "Configuration",
        "Whether the configuration that was read last is in force. If not, it is wrong, and the one before it goes on.",
        Query(by_node(select(c.CONFIG_RELOAD_SUCCESSFUL), "min"), PER_NODE),
        mappings=[style.mapping([("wrong", style.BAD), ("in force", style.GOOD)])],
        textMode="value_and_name",
        nothing="not scraped",
    )
    return Section("Process", [(9, [versions, reload, processor], (11, 5, 8)), (9, [memory, files, refused])])


def discovery() -> Section:
    """Return what finds targets, and how exporters share them."""
    found = table(
        "Discovery of targets",
        "Where targets are looked up: whether the last look-up worked, how long ago one did, how many it gave, and how "
        "many more are left out by max_targets.",
        {
            "type": Column("Type", width=90),
            "source": Column("Source"),
            "Value #A": Column("Works", states=[("no", style.BAD), ("yes", style.GOOD)]),
            "Value #B": Column("Targets", width=75),
            "Value #C": Column("Left out", width=80),
            "Value #D": Column("Last success", unit="s"),
        },
        by("type, source", select(c.DISCOVERY_SUCCESS), "min"),
        by("type, source", select(c.DISCOVERY_TARGETS), "max"),
        by("type, source", select(c.DISCOVERY_DROPPED), "max"),
        f"time() - {by('type, source', select(c.DISCOVERY_LAST_SUCCESS), 'max')}",
        empty="none set",
    )
    shards = table(
        "Shards",
        "The share of the targets that each exporter scrapes, by its number from 0, and how many share them.",
        {
            "instance": Column("Exporter"),
            "Value #A": Column("Shard"),
            "Value #B": Column("Of"),
        },
        by("instance", select(c.SHARD_ORDINAL), "max"),
        by("instance", select(c.SHARDS), "max"),
        empty="none set",
    )
    return Section("Discovery", [(7, [found, shards], (16, 8))], collapsed=True)


def _success() -> Panel:
    return state_timeline(
        "State of each collector",
        "Each collector, over all targets: whether it got what it asked for.",
        Query(by("collector", select(c.COLLECTOR_SUCCESS), "min"), "{{collector}}"),
        states=_WORKS,
    )


def _durations() -> Panel:
    return time_series(
        "Collector duration",
        "How long each collector took, the slowest target of each.",
        "s",
        Query(by("collector", select(c.COLLECTOR_DURATION), "max"), "{{collector}}"),
        many=True,
    )


def _repaired() -> Panel:
    return time_series(
        "Telemetry repaired",
        "Lines of Vault's own telemetry changed or added in each scrape, by reason: renamed, continued and held "
        "counters. Held and continued ones are those that Vault let expire.",
        "short",
        Query(by("reason", select(c.TELEMETRY_REPAIRED)), "{{reason}}"),
    )
