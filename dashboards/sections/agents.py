"""Vault Agents, proxies and the injector, which Prometheus scrapes itself."""

from collections.abc import Iterable
from typing import Final

from dashboards import native, style
from dashboards.layout import Section
from dashboards.native import Native
from dashboards.panels import Column, Panel, stat, table, time_series
from dashboards.queries import NOW, PER_NODE, SHOWN, Query, by, by_node, happened, rate, select
from dashboards.style import painted, step

__all__ = ["injector", "logins", "requests"]

_LIMIT_SECONDS: Final = 1
"""Of VaultAgentInjectorSlow."""


def injector() -> Section:
    """Return what the injector does for pods that start."""
    done = time_series(
        "Injections",
        "Pods that got a Vault Agent, a second, by what they got: an init container, a sidecar, or both.",
        "ops",
        Query(by("injection_type", rate(native.INJECTIONS)), "{{injection_type}}"),
        stacked=True,
    )
    failed = time_series(
        "Failed injections",
        "Pods that the injector refused, a second, by their namespace. They do not start until that is repaired.",
        "ops",
        Query(by("namespace", rate(native.FAILED_INJECTIONS)), "{{namespace}}"),
    )
    waiting = time_series(
        "Waiting requests",
        "Requests of Kubernetes that the injector has not answered yet. Never back at zero: they hang.",
        "short",
        Query(by_node(select(native.INJECTOR_QUEUE), "max"), PER_NODE),
    )
    return Section(
        "Injector",
        [
            (5, [_injectors(), _failures(), _failing()]),
            (8, [done, failed]),
            (8, [_time(), waiting]),
        ],
    )


def logins() -> Section:
    """Return whether agents and proxies can log in."""
    failing = time_series(
        "Failed logins of agents",
        "Logins and renewals that failed, a second. An agent that fails tries again after five minutes at most.",
        "ops",
        Query(by_node(_rates(native.AGENT_LOGIN_FAILURES)), PER_NODE),
    )
    good = time_series(
        "Logins of agents",
        "Logins and renewals of tokens that worked, a second.",
        "ops",
        Query(by_node(_rates(native.AGENT_LOGINS)), PER_NODE),
    )
    return Section("Logins", [(8, [_agents()]), (8, [failing, good])])


def requests() -> Section:
    """Return what applications ask through agents and proxies."""
    passed = time_series(
        "Requests through agents",
        "Requests of applications that agents and proxies passed on, a second: those that Vault answered, those that "
        "it refused, and those without an answer.",
        "reqps",
        Query(f"sum({_rates(native.AGENT_REQUESTS)})", "answered"),
        Query(f"sum({_rates(native.AGENT_CLIENT_ERRORS)})", "refused"),
        Query(f"sum({_rates(native.AGENT_ERRORS)})", "no answer"),
        overrides=[painted("refused", style.WARN), painted("no answer", style.BAD)],
    )
    cache = time_series(
        "Cache of agents",
        "Requests of applications that agents and proxies answered from their cache, a second, and others. They cache "
        "answers with a lease.",
        "reqps",
        Query(f"sum({_rates(native.AGENT_CACHE_HITS)})", "from the cache"),
        Query(f"sum({_rates(native.AGENT_CACHE_MISSES)})", "others"),
    )
    memory = time_series(
        "Memory of agents and injectors",
        "What each takes of its machine's memory (resident).",
        "bytes",
        # The exporter has this metric, too, but is not written in Go.
        Query(
            by_node(f"({select(native.PROCESS_MEMORY)} and on (job, instance) {select(native.GO_MEMORY)})", "max"),
            PER_NODE,
        ),
    )
    return Section("Requests", [(8, [passed, cache, memory])])


def _injectors() -> Panel:
    known = f"last_over_time({select(native.INJECTOR_QUEUE, window=SHOWN)})"
    return stat(
        "Injectors",
        "Injectors that Prometheus can scrape, of those in the time shown. Without one, pods start without their "
        "secrets, or do not start.",
        Query(f"sum({select(native.SCRAPE_UP)} and on (job, cluster, instance) {known})", "can be scraped"),
        thresholds=[step(style.BAD), step(style.GOOD, 1)],
        nothing="none",
    )


def _failures() -> Panel:
    return stat(
        "Pods refused",
        "Injections that failed in the time shown, of all namespaces.",
        Query(f"sum({happened(native.FAILED_INJECTIONS)})", "refused"),
        thresholds=[step(style.GOOD), step(style.WARN, 1)],
        nothing="none",
        decimals=0,
    )


def _failing() -> Panel:
    failures = _growth(native.AGENT_LOGIN_FAILURES)
    return stat(
        "Agents that cannot log in",
        "Vault Agents and proxies whose logins failed within five minutes, and of which none succeeded.",
        Query(f"count({by_node(failures)} > 0 unless {by_node(_growth(native.AGENT_LOGINS))} > 0)", "agents"),
        thresholds=[step(style.GOOD), step(style.WARN, 1)],
        nothing="none",
    )


def _time() -> Panel:
    def quantile(rank: float) -> str:
        buckets = by("le", rate(native.INJECTOR_DURATION_BUCKET))
        return f"histogram_quantile({rank}, {buckets}) / 1000"

    return time_series(
        "Time of an injection",
        "How long Kubernetes waits for the injector: half, nine of ten, and 99 of 100 requests take no longer. The "
        "dashed line is the limit of VaultAgentInjectorSlow.",
        "s",
        Query(quantile(0.5), "half"),
        Query(quantile(0.9), "nine of ten"),
        Query(quantile(0.99), "99 of 100"),
        limit=_LIMIT_SECONDS,
    )


def _agents() -> Panel:
    return table(
        "Agents and proxies",
        "Each Vault Agent and proxy that has tried to log in: logins and renewals in the time shown, those that failed "
        "and those that worked.",
        {
            "cluster": Column("Cluster"),
            "instance": Column("Agent"),
            "Value #A": Column("Failed logins", unit="short", steps=[step(style.NEUTRAL), step(style.WARN, 1)]),
            "Value #B": Column("Logins", unit="short"),
        },
        by_node(_growth(native.AGENT_LOGIN_FAILURES, SHOWN)),
        by_node(_growth(native.AGENT_LOGINS, SHOWN)),
        empty="no agent is scraped",
        sort="Failed logins",
        descending=True,
    )


def _rates(metrics: Iterable[Native]) -> str:
    """Return the rates of one thing that has several names; a target has one of them."""
    return " or ".join(rate(metric) for metric in metrics)


def _growth(metrics: Iterable[Native], window: str = NOW) -> str:
    """Return by how much such a thing grew."""
    return " or ".join(f"increase({select(metric, window=window)})" for metric in metrics)
