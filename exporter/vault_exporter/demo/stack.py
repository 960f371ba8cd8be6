"""Run the demo: start the parts, show the exporter's metrics, check them, and remove everything."""

import contextlib
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import hvac
import requests
import yaml
from rich.console import Console
from rich.live import Live

from vault_exporter.alert_rules.rules import ADDRESSES
from vault_exporter.assets import ResourceError, alert_rules
from vault_exporter.config.schema.model import DEFAULT_PORT
from vault_exporter.demo import table
from vault_exporter.demo.evidence import PrometheusView
from vault_exporter.demo.exporter import ExporterProcess
from vault_exporter.demo.interrupt import Interrupt
from vault_exporter.demo.observe import JOB, gather, prometheus_view, read_page
from vault_exporter.demo.openbao import Server, dev_server
from vault_exporter.demo.page import ScrapedPage
from vault_exporter.demo.process import ServiceError, program
from vault_exporter.demo.prometheus import Prometheus
from vault_exporter.demo.setup import MOUNT, prepare
from vault_exporter.demo.traffic import Traffic
from vault_exporter.demo.verdict import Check, judge
from vault_exporter.metrics.catalogue import AUDIT_ENTRIES

__all__ = ["run"]

_OK: Final = 0
_FAILED: Final = 1

_CLUSTER: Final = "demo"
_PROMETHEUS_PORT: Final = 9090
_MISSING: Final = "VaultExporterDown"
"""The alert that Prometheus has no target to scrape."""
_SCRAPE_INTERVAL: Final = 2.0
_LOOK_SECONDS: Final = 2.0
"""Seconds between two scrapes by the demo itself."""
_LINE_SECONDS: Final = 5.0
"""Seconds between two lines of output without a terminal."""
_READINGS: Final = 6
"""Number of scrapes that a rate covers."""
_PORTS_TO_TRY: Final = 100
_GRACE_SECONDS: Final = 15.0
"""Seconds for the audit reader to catch up after the traffic, and for Prometheus to scrape and evaluate."""


def run(duration: float | None) -> int:
    """Run the demo, and return the exit status: 0 unless a part failed or the metrics were not right.

    Args:
        duration: seconds after which to end and judge what the exporter showed; None is until Ctrl-C.
    """
    console = Console(highlight=False)
    with Interrupt() as interrupt:
        try:
            return _run(console, interrupt, duration)
        except (ServiceError, ResourceError) as error:
            _complain(str(error))
        except (hvac.exceptions.VaultError, requests.RequestException) as error:
            _complain(f"the server of the demo does not do as it should: {error}")
    return _FAILED


class _Stack(NamedTuple):
    """The running parts."""

    directory: Path
    server: Server
    audit_log: Path
    exporter: ExporterProcess
    prometheus: Prometheus | None
    traffic: Traffic
    rules: tuple[Path, ...]

    def check(self) -> None:
        """Check that no part has ended by itself.

        Raises:
            ServiceError: with the last lines of its output.
        """
        services = [self.server.service, self.exporter.service]
        if self.prometheus is not None:
            services.append(self.prometheus.service)
        for service in services:
            if service.returncode is not None:
                raise ServiceError(f"{service.name}: ended with status {service.returncode}\n{service.tail()}")


def _run(console: Console, interrupt: Interrupt, duration: float | None) -> int:
    with contextlib.ExitStack() as stack:
        parts = _start(stack, console, interrupt)
        if parts is None:
            _say(console, "Stopped.")
            return _OK
        _introduce(console, parts, duration)
        _show(console, interrupt, parts, duration)
        if interrupt.stopped:
            _say(console, "Stopping; what ran in the demo is thrown away.")
            return _OK
        _say(console, "\nThe traffic ends; checking what the exporter showed ...")
        parts.traffic.stop()
        return _conclude(console, _judge(interrupt, parts))


def _start(stack: contextlib.ExitStack, console: Console, interrupt: Interrupt) -> _Stack | None:
    """Start the parts one after the other; None if interrupted."""
    directory = Path(stack.enter_context(_directory()))
    rules = alert_rules()
    root_token = secrets.token_urlsafe(24)
    audit_log = directory / "audit.log"

    _say(console, "Starting OpenBao ...")
    server = stack.enter_context(dev_server(_made(directory / "openbao"), root_token=root_token, audit_log=audit_log))
    accounts = prepare(server.address, root_token)
    _rotate(server, audit_log)  # root token, policies, auth methods: setting up is what security alerts are made for
    _write_secret(directory / "root-token", root_token)
    _write_secret(directory / "exporter-token", accounts.exporter_token)
    if interrupt.stopped:
        return None

    _say(console, "Starting vault-exporter ...")
    exporter = stack.enter_context(_exporter(console, directory, server, audit_log))
    if interrupt.stopped:
        return None

    prometheus = None
    if shutil.which("prometheus"):
        _say(console, "Starting Prometheus ...")
        prometheus = stack.enter_context(_prometheus(console, directory, exporter, rules))
        _await_scrape(prometheus, interrupt)
    if interrupt.stopped:
        return None

    traffic = stack.enter_context(Traffic(server.address, accounts))
    return _Stack(directory, server, audit_log, exporter, prometheus, traffic, rules)


@contextlib.contextmanager
def _directory() -> Iterator[Path]:
    """Create a temporary directory that only this user can read."""
    try:
        temporary = tempfile.TemporaryDirectory(prefix="vault-exporter-demo-")
    except OSError as error:
        raise ServiceError(
            f"cannot make a temporary directory: {error.strerror}; name a writable one with TMPDIR=..."
        ) from error
    with temporary as path:
        yield Path(path)


def _rotate(server: Server, audit_log: Path) -> None:
    """Rename the audit log, as logrotate does, and make the server open a new one."""
    audit_log.rename(audit_log.with_name("setup-audit.log"))
    server.service.signal(signal.SIGHUP)
    server.service.wait_until(audit_log.exists, what="a new audit log")


def _made(directory: Path) -> Path:
    directory.mkdir()
    return directory


def _write_secret(path: Path, secret: str) -> None:
    path.touch(mode=0o600)
    path.write_text(f"{secret}\n")


def _exporter(console: Console, directory: Path, server: Server, audit_log: Path) -> ExporterProcess:
    """Start the exporter's command with a configuration file, as users do."""
    port = _port(console, "vault-exporter", DEFAULT_PORT)
    config = directory / "vault-exporter.yml"
    config.write_text(
        yaml.safe_dump(
            {
                "listen": f"127.0.0.1:{port}",
                "targets": [
                    {
                        "name": "openbao",
                        "address": server.address,
                        "cluster": _CLUSTER,
                        "auth": {"method": "token", "token_file": str(directory / "exporter-token")},
                    }
                ],
                "audit": {"logs": [str(audit_log)], "from_start": True},
            },
            sort_keys=False,
        )
    )
    return ExporterProcess(["--config", config], port=port, log=directory / "vault-exporter.log")


def _prometheus(console: Console, directory: Path, exporter: ExporterProcess, rules: tuple[Path, ...]) -> Prometheus:
    _, _, host = exporter.address.partition("://")
    job = {"job_name": JOB, "static_configs": [{"targets": [host], "labels": {"cluster": _CLUSTER}}]}
    return Prometheus(
        _made(directory / "prometheus"),
        [job],
        port=_port(console, "Prometheus", _PROMETHEUS_PORT),
        rules=tuple(_with_runbooks(_made(directory / "rules"), rules, exporter)),
        interval=_SCRAPE_INTERVAL,
    )


def _await_scrape(prometheus: Prometheus, interrupt: Interrupt) -> None:
    """Wait for the first scrape, and for the rules to have seen it: until then, the exporter counts as missing."""

    def seen() -> bool:
        view = prometheus_view(prometheus)
        missing = any(rule.name == _MISSING and rule.state != "inactive" for rule in view.rules)
        return interrupt.stopped or (bool(view.up) and not missing)

    prometheus.service.wait_until(seen, timeout=60, what="the first scrape of the exporter")


def _with_runbooks(directory: Path, rules: Iterable[Path], exporter: ExporterProcess) -> Iterator[Path]:
    """Copy the rules, with the address of this exporter in the links to the runbooks."""
    before = ADDRESSES["runbook_url"].removesuffix("{name}")
    for path in rules:
        copy = directory / path.name
        copy.write_text(path.read_text().replace(before, f"{exporter.address}/runbooks/"))
        yield copy


def _port(console: Console, name: str, preferred: int) -> int:
    """Return the preferred port, or the next one that is free, and say so."""
    for port in range(preferred, preferred + _PORTS_TO_TRY):
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        if port != preferred:
            _say(console, f"Port {preferred} is taken: {name} gets {port}.")
        return port
    raise ServiceError(f"{name}: the ports {preferred} to {port} of 127.0.0.1 are all taken; free one of them")


def _introduce(console: Console, parts: _Stack, duration: float | None) -> None:
    """Print the addresses of the parts, and what to open."""
    bao = program("bao")
    lines = [
        "",
        f"OpenBao         {parts.server.address}  (token in {parts.directory / 'root-token'})",
        f"vault-exporter  {parts.exporter.address}  configured by {parts.directory / 'vault-exporter.yml'}",
    ]
    if parts.prometheus is not None:
        lines.append(f"Prometheus      {parts.prometheus.address}  with {len(parts.rules)} files of alert rules")
    else:
        lines.append("Prometheus      is not installed; with it you would see queries and alerts here")
    lines += [
        f"Audit log       {parts.audit_log}",
        "",
        "Look at:",
        f"  {parts.exporter.address}/metrics",
        f"  {parts.exporter.address}/  the status page",
    ]
    if parts.prometheus is not None:
        lines += [
            f"  {parts.prometheus.address}/alerts  the alert rules",
            f"  {parts.prometheus.address}/graph   try: sum by (operation) (rate({AUDIT_ENTRIES.name}[1m]))",
        ]
    lines += [
        "Break it, and watch:",
        f"  BAO_ADDR={parts.server.address} BAO_TOKEN=$(cat {parts.directory / 'root-token'}) {bao} operator seal",
        f"  BAO_ADDR={parts.server.address} BAO_TOKEN=$(cat {parts.directory / 'root-token'}) {bao} kv list {MOUNT}",
        "",
        "Ctrl-C ends it." if duration is None else f"Ends by itself after {duration:g} s, or with Ctrl-C.",
        "",
    ]
    for line in lines:
        _say(console, line)


def _show(console: Console, interrupt: Interrupt, parts: _Stack, duration: float | None) -> None:
    """Show the exporter's metrics until the time is over or a signal comes."""
    started = time.monotonic()
    readings: deque[tuple[float, ScrapedPage]] = deque(maxlen=_READINGS)
    next_line = 0.0
    # Without a terminal, print a line now and then instead of drawing a table.
    live = Live(console=console, auto_refresh=False, transient=False) if console.is_terminal else None
    with live or contextlib.nullcontext():
        while True:
            parts.check()
            readings.append((time.monotonic(), read_page(parts.exporter)))
            elapsed = time.monotonic() - started
            shown = table.view(elapsed, readings, parts.traffic.sent, _prometheus_view(parts))
            if live is not None:
                live.update(table.as_table(shown), refresh=True)
            elif elapsed >= next_line:
                _say(console, table.as_line(shown))
                next_line += _LINE_SECONDS
            left = _LOOK_SECONDS if duration is None else min(_LOOK_SECONDS, duration - elapsed)
            if left <= 0 or interrupt.wait(left):
                return


def _prometheus_view(parts: _Stack) -> PrometheusView | None:
    return prometheus_view(parts.prometheus) if parts.prometheus is not None else None


def _judge(interrupt: Interrupt, parts: _Stack) -> tuple[Check, ...]:
    evidence = gather(
        parts.exporter,
        parts.prometheus,
        parts.audit_log,
        tuple(_alerts(parts.rules)),
        parts.traffic.sent,
        interrupt,
        seconds=_GRACE_SECONDS,
    )
    return judge(evidence)


def _alerts(rules: Iterable[Path]) -> Iterator[str]:
    """Yield the names of the alerts in files of rules."""
    for path in rules:
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in group["rules"]:
                if "alert" in rule:
                    yield rule["alert"]


def _conclude(console: Console, checks: tuple[Check, ...]) -> int:
    console.print(table.summary(checks), soft_wrap=True)
    failed = sum(not check.ok for check in checks)
    if failed:
        _complain(f"{failed} of {len(checks)} checks failed: the exporter did not show what it should.")
        return _FAILED
    _say(console, f"All {len(checks)} checks passed: the exporter showed what really happened.")
    return _OK


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, soft_wrap=True)


def _complain(text: str) -> None:
    sys.stderr.write(f"vault-exporter demo: {text}\n")
