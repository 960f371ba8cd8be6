"""Read the chain, run the checks, and sort what they find."""

import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Final

import msgspec

from vault_exporter.config.schema.model import Config
from vault_exporter.diagnose.doctor.chain import Chain
from vault_exporter.diagnose.doctor.checks import CHECKS
from vault_exporter.diagnose.doctor.finding import Finding, Level
from vault_exporter.diagnose.doctor.pack import load_pack
from vault_exporter.diagnose.doctor.read.alertmanager import read_alertmanager
from vault_exporter.diagnose.doctor.read.api import Api, ApiError
from vault_exporter.diagnose.doctor.read.exporter import read_exporter
from vault_exporter.diagnose.doctor.read.grafana import read_grafana
from vault_exporter.diagnose.doctor.read.http_config import HttpConfig
from vault_exporter.diagnose.doctor.read.prometheus import TooManySeriesError, read_prometheus
from vault_exporter.util.cpu_time import CpuTimeError, limited
from vault_exporter.util.printable import printable

__all__ = ["Report", "Server", "examine"]

_PROMETHEUS: Final = "Prometheus"
_RULER: Final = "The ruler"
_ALERTMANAGER: Final = "Alertmanager"
_GRAFANA: Final = "Grafana"
_LEAST_SECONDS: Final = 0.2
"""Seconds of CPU time for each further check, when the checks before it have used up theirs."""
_OPTIONS: Final = {
    _PROMETHEUS: "--prometheus",
    _RULER: "--rules",
    _ALERTMANAGER: "--alertmanager",
    _GRAFANA: "--grafana",
}


class Server(msgspec.Struct, frozen=True):
    """A server of the chain."""

    url: str
    http: HttpConfig


class Report(msgspec.Struct, frozen=True):
    """The result."""

    findings: tuple[Finding, ...]
    """The worst first."""
    notes: tuple[str, ...]
    """What was not checked, and why."""


async def examine(
    prometheus: Server,
    ruler: Server | None = None,
    alertmanager: Server | None = None,
    grafana: Server | None = None,
    config: Config | None = None,
    *,
    patience: float = 30,
) -> Report:
    """Read every server, and check the chain.

    Args:
        prometheus: where series are.
        ruler: where rules are evaluated, if not there.
        alertmanager: where alerts are sent.
        grafana: where dashboards are.
        config: of the exporter.
        patience: seconds for each request, and of CPU time for all checks.

    Raises:
        vault_exporter.assets.ResourceError: the pack is missing from this installation.
    """
    pack = load_pack()
    found: list[Finding] = []
    notes: list[str] = []
    async with AsyncExitStack() as stack:

        async def opened(name: str, server: Server) -> Api:
            return await stack.enter_async_context(Api(name, _OPTIONS[name], server.url, server.http, patience))

        api = await opened(_PROMETHEUS, prometheus)
        try:
            evaluates = api
            if ruler is not None:
                evaluates = await opened(_RULER, ruler)
                found += await _without_rules(evaluates)
            read = await read_prometheus(api, evaluates)
        except ApiError as error:
            notes.append("Without Prometheus nothing else was checked.")
            return Report((_unreached(_PROMETHEUS, error),), tuple(notes))
        notes += read.notes
        chain = Chain(pack, read)
        if alertmanager is None:
            notes.append(_without_alertmanager(read.alertmanagers))
        else:
            try:
                there = await read_alertmanager(await opened(_ALERTMANAGER, alertmanager))
                chain = msgspec.structs.replace(chain, alertmanager=there)
                notes += there.notes
            except ApiError as error:
                found.append(_unreached(_ALERTMANAGER, error))
        if grafana is None:
            notes.append("Grafana was not checked: give its address with --grafana.")
        else:
            try:
                shown = await read_grafana(await opened(_GRAFANA, grafana), tuple(pack.dashboards))
                chain = msgspec.structs.replace(chain, grafana=shown)
                notes += shown.notes
            except ApiError as error:
                found.append(_unreached(_GRAFANA, error))
    if config is None:
        notes.append("The exporter's targets, token and audit logs were not tried: give its file with --config.")
    else:
        chain = msgspec.structs.replace(chain, exporter=await read_exporter(config))
    found += _checked(chain, patience)
    return Report(tuple(sorted(found, key=lambda one: -one.level)), tuple(notes))


def _checked(chain: Chain, most: float) -> Iterator[Finding]:
    """Yield what the checks find, as far as they get in this CPU time.

    The servers' rules, routes and silences have regular expressions that can take Python's library for ever.
    """
    end = time.process_time() + most
    without_series: list[str] = []
    for check in CHECKS:
        try:
            with limited(max(end - time.process_time(), _LEAST_SECONDS)):
                found = tuple(check(chain))
        except CpuTimeError:
            yield Finding(
                Level.CRITICAL,
                "check-unfinished",
                f"the check {check.__name__.replace('_', ' ')} takes too long, and what it is about is unknown",
                "simplify regular expressions of rules, routes and silences, where one repeats what repeats, such as "
                "(a+)+; raise --timeout if there are very many",
                "prometheus.yml: rule_files; alertmanager.yml: route, inhibit_rules; Alertmanager: Silences",
            )
            continue
        except TooManySeriesError:
            without_series.append(check.__name__.replace("_", " "))
            continue
        yield from found
    if without_series:
        yield Finding(
            Level.CRITICAL,
            "too-many-series",
            f"Prometheus has more series than the doctor reads, so {len(without_series)} checks were not made",
            "look for other programs' metrics with the exporter's names, and for labels that change at each scrape; if "
            "there really are ten thousand nodes or more, ask a Prometheus, or a tenant, that has a part of them",
            f"the command line: {_OPTIONS[_PROMETHEUS]}",
            tuple(without_series),
        )


def _without_alertmanager(sent_to: tuple[str, ...] | None) -> str:
    """Return the note of a chain for which no Alertmanager was given.

    That there is none is no finding: some only look at alerts.
    """
    note = "Alertmanager was not checked: give its address with --alertmanager"
    if sent_to == ():
        return f"Prometheus sends its alerts to no Alertmanager: nobody is told. {note} when it has one."
    if sent_to:
        return f"{note}. Prometheus sends to {', '.join(map(printable, sent_to))}."
    return f"{note}."


async def _without_rules(ruler: Api) -> list[Finding]:
    """Return a finding if the server of ``--rules`` gives no rules. Its reader only notes what a server lacks."""
    try:
        await ruler.get("/api/v1/rules", msgspec.Raw)
    except ApiError as error:
        return [_unreached(_RULER, error)]
    return []


def _unreached(name: str, error: ApiError) -> Finding:
    return Finding(
        Level.WARNING if name == _GRAFANA else Level.CRITICAL,
        f"{_OPTIONS[name].removeprefix('--')}-unreachable",
        str(error),
        error.remedy or f"look at its log, and at {_OPTIONS[name]}",
        f"the command line: {_OPTIONS[name]}",
    )
