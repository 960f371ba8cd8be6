"""Are the dashboards in Grafana those of this version, with a data source that has Vault's metrics?"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from vault_exporter.diagnose.doctor.chain import Chain
from vault_exporter.diagnose.doctor.finding import Finding, Level
from vault_exporter.diagnose.doctor.read.grafana import DataSource, Grafana
from vault_exporter.diagnose.doctor.read.prometheus import seconds

__all__ = ["changed_dashboards", "data_sources", "intervals", "missing_dashboards"]

_DASHBOARDS: Final = "Grafana: Dashboards"
_SOURCES: Final = "Grafana: Connections, Data sources"
_PRINT: Final = "import what `vault-exporter dashboard` of this version prints, or provision it"
_DEFAULT_INTERVAL_SECONDS: Final = 15


def missing_dashboards(chain: Chain) -> Iterator[Finding]:
    """Dashboards that no uid of the pack leads to."""
    if chain.grafana is None:
        return
    missing = [uid for uid in chain.pack.dashboards if uid not in chain.grafana.dashboards]
    copies = {found.title: found.uid for found in chain.grafana.tagged if found.uid not in chain.pack.dashboards}
    titles = {uid: str(chain.pack.dashboards[uid].get("title", "")) for uid in missing}
    renamed = [uid for uid in missing if titles[uid] in copies]
    if renamed:
        yield Finding(
            Level.WARNING,
            "dashboard-uid",
            "dashboards of the pack have another uid: the links of alerts and of other dashboards lead nowhere",
            f"delete the copies, and {_PRINT} with its uid",
            _DASHBOARDS,
            tuple(f"{titles[uid]}: {copies[titles[uid]]} instead of {uid}" for uid in renamed),
        )
    if lacking := [uid for uid in missing if uid not in renamed]:
        yield Finding(
            Level.WARNING,
            "dashboard-missing",
            "dashboards of the pack are not in Grafana: the links of alerts lead nowhere",
            _PRINT,
            _DASHBOARDS,
            tuple(lacking),
        )


def changed_dashboards(chain: Chain) -> Iterator[Finding]:
    """Dashboards that lack queries of this version."""
    if chain.grafana is None:
        return
    changed = {}
    for uid, found in chain.grafana.dashboards.items():
        ours = _queries(chain.pack.dashboards[uid])
        lacking = ours - _queries(found)
        if lacking:
            changed[uid] = f"{uid}: lacks {len(lacking)} of {len(ours)} queries"
    if changed:
        yield Finding(
            Level.WARNING,
            "dashboard-changed",
            "dashboards are not this version's: edited, or of another version of the exporter",
            f"{_PRINT}; keep changes of your own in a copy with another uid",
            _DASHBOARDS,
            tuple(changed.values()),
        )


def data_sources(chain: Chain) -> Iterator[Finding]:
    """Data sources that are missing, or do not have Vault's metrics."""
    grafana = chain.grafana
    if grafana is None or grafana.sources is None:
        return
    if not grafana.sources:
        yield Finding(
            Level.CRITICAL,
            "no-data-source",
            "Grafana has no data source of the type prometheus: every panel is empty",
            "add one with Prometheus' address",
            _SOURCES,
        )
        return
    for uid, dashboard in grafana.dashboards.items():
        wanted = _chosen(dashboard)
        if wanted and all(wanted not in {source.uid, source.name} for source in grafana.sources):
            yield Finding(
                Level.WARNING,
                "data-source-unknown",
                f"the dashboard {uid} begins with the data source {wanted}, which Grafana does not have",
                "choose another one and save, or print the dashboard with `vault-exporter dashboard --datasource UID`",
                _DASHBOARDS,
                (uid,),
            )
    used = _used(grafana)
    if chain.prometheus.one("vault_up") and (
        empty := [one for one in used if grafana.with_vault.get(one.uid) is False]
    ):
        yield Finding(
            Level.WARNING,
            "data-source-without-vault",
            "data sources that the dashboards begin with have no vault_up: every panel is empty",
            "let it lead to the Prometheus that scrapes the exporter, or choose another one in the dashboards",
            _SOURCES,
            tuple(sorted(one.name for one in empty)),
        )


def intervals(chain: Chain) -> Iterator[Finding]:
    """Data sources whose scrape interval is shorter than Prometheus': graphs of rates have gaps."""
    grafana, prometheus = chain.grafana, chain.prometheus
    if grafana is None or grafana.sources is None:
        return
    longest = max(
        (seconds(one.scrape_interval) for one in prometheus.targets or () if prometheus.job_names.is_node(one.job)),
        default=0.0,
    )
    for source in _used(grafana):
        given = str((source.json_data or {}).get("timeInterval") or "")
        interval = seconds(given) or _DEFAULT_INTERVAL_SECONDS
        if longest > interval:
            yield Finding(
                Level.WARNING,
                "data-source-interval",
                f"the data source {source.name} has the scrape interval {given or '15s, the default'}, and nodes are "
                f"scraped each {longest:g} s: graphs of rates have gaps",
                f"set Scrape interval (jsonData.timeInterval) to {longest:g}s",
                f"{_SOURCES}, {source.name}",
                (source.name,),
            )


def _used(grafana: Grafana) -> tuple[DataSource, ...]:
    """Return the data sources that the dashboards begin with: those that are chosen, else the default one."""
    sources = grafana.sources or ()
    default = [one for one in sources if one.is_default] or list(sources[:1])
    chosen = {_chosen(dashboard) for dashboard in grafana.dashboards.values()} or {""}
    found = [one for one in sources if {one.uid, one.name} & chosen]
    return tuple({one.uid: one for one in (*found, *(default if "" in chosen else ()))}.values())


def _chosen(dashboard: Mapping[str, Any]) -> str:
    """Return the uid or name of the data source that a dashboard begins with; empty for the default one."""
    for variable in (dashboard.get("templating") or {}).get("list") or ():
        if variable.get("name") == "datasource":
            value = str((variable.get("current") or {}).get("value") or "")
            return "" if value in {"default", "prometheus-default"} else value
    return ""


def _queries(dashboard: Mapping[str, Any]) -> frozenset[str]:
    """Return the queries of all panels, also of those in closed rows."""
    panels = [inner for outer in dashboard.get("panels") or () for inner in (outer, *(outer.get("panels") or ()))]
    return frozenset(
        " ".join(str(target["expr"]).split())
        for panel in panels
        for target in panel.get("targets") or ()
        if target.get("expr")
    )
