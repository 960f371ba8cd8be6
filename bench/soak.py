"""Whether the exporter stays what it is while everything around it moves: memory, files, threads, tasks.

A real OpenBao with an audit log is scraped each second, in a kept connection and in a new one, over TLS with a client's
certificate and a password. Meanwhile the configuration is read anew each 5 s, a setting of ``web_config_file`` changes
each 10 s, and 20 clients come, ask for a page, do not read it, and go. Another client asks without certificate and
password.

It fails where a scrape failed, a client without credentials got a page, something was logged as an error, or the end
needs more than the beginning did.
Run: ``python bench/soak.py --seconds 600``.
"""

import argparse
import asyncio
import base64
import contextlib
import json
import signal
import ssl
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, fields
from itertools import cycle
from pathlib import Path

import aiohttp
import bcrypt
import trustme

from vault_exporter.demo.openbao import dev_server
from vault_exporter.demo.process import Service, free_port, wait_until

TOKEN = "bench"  # noqa: S105 - of a throwaway server
PASSWORD = "bench"  # noqa: S105
CLIENTS = 20
WARM_SECONDS = 10.0
SCRAPE_TIMEOUT = 5
REQUEST = f"GET /metrics HTTP/1.1\r\nHost: a\r\nX-Prometheus-Scrape-Timeout-Seconds: {SCRAPE_TIMEOUT}\r\n"
LOGIN = "Basic " + base64.b64encode(f"prometheus:{PASSWORD}".encode()).decode()
HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()


@dataclass(frozen=True)
class Cost:
    """What the process has at a moment."""

    memory_mib: float
    files: int
    threads: int
    tasks: int

    def within(self, start: "Cost") -> bool:
        """Tell whether the end is no worse than the start but for what a moment may bring."""
        more = [getattr(self, field.name) - getattr(start, field.name) for field in fields(self)]
        return all(value <= most for value, most in zip(more, (32, 16, 8, 48), strict=True))


class Exporter:
    """The running exporter, and the files it is told by."""

    def __init__(self, directory: Path, node: str, audit_log: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self.authority, self.other = trustme.CA(), trustme.CA()
        self.web = directory / "web.yml"
        self.certificate(self.authority)
        self.trust(self.authority)
        self.write(users=True, certificates=True)
        config = directory / "exporter.yml"
        token = directory / "token"
        token.write_text(TOKEN)
        config.write_text(
            f"listen: '127.0.0.1:{self.port}'\nweb_config_file: {self.web}\n"
            f"targets: [{{name: n1, address: '{node}', auth: {{method: token, token_file: {token}}}}}]\n"
            f"audit: {{logs: ['{audit_log}'], checkpoint: '{directory / 'checkpoint'}'}}\n"
        )
        self._tasks = directory / "tasks"
        command: list[str | Path] = [sys.executable, Path(__file__), "--serve", str(self._tasks), str(config)]
        self.service = Service("exporter", command, log=directory / "log")

    def write(self, *, users: bool, certificates: bool) -> None:
        text = f"tls_server_config:\n  cert_file: {self.directory}/both.pem\n  key_file: {self.directory}/both.pem\n"
        if certificates:
            text += f"  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: {self.directory}/ca.pem\n"
        if users:
            text += f'basic_auth_users: {{prometheus: "{HASH}"}}\n'
        replace(self.web, text.encode())

    def certificate(self, authority: trustme.CA) -> None:
        replace(self.directory / "both.pem", authority.issue_cert("localhost").private_key_and_cert_chain_pem.bytes())

    def trust(self, *authorities: trustme.CA) -> None:
        replace(self.directory / "ca.pem", b"".join(one.cert_pem.bytes() for one in authorities))

    def rotations(self) -> Iterator[Callable[[], None]]:
        """Yield changes of which each leaves the scrapers' certificate and password right."""
        return cycle(
            (
                lambda: self.write(users=False, certificates=True),
                lambda: self.trust(self.authority, self.other),
                lambda: self.certificate(self.other),
                lambda: self.write(users=True, certificates=False),
                lambda: self.trust(self.authority),
                lambda: self.write(users=True, certificates=True),
                lambda: self.certificate(self.authority),
            )
        )

    def client(self, *, identified: bool = True) -> ssl.SSLContext:
        context = ssl.create_default_context()
        for authority in (self.authority, self.other):
            authority.configure_trust(context)
        if identified:
            self.authority.issue_cert("prometheus.example.com").configure_cert(context)
        return context

    def cost(self) -> Cost:
        directory = Path(f"/proc/{self.service.pid}")
        self._tasks.unlink(missing_ok=True)
        self.service.signal(signal.SIGUSR1)
        wait_until(lambda: self._tasks.exists() and self._tasks.read_text().endswith("\n"), timeout=60, what="tasks")
        memory = int((directory / "status").read_text().split("VmRSS:")[1].split()[0]) / 1024
        return Cost(
            round(memory, 1),
            len([*(directory / "fd").iterdir()]),
            len([*(directory / "task").iterdir()]),
            int(self._tasks.read_text()),
        )


def replace(path: Path, content: bytes) -> None:
    temporary = path.with_suffix(".new")
    temporary.write_bytes(content)
    temporary.replace(path)


def serve(tasks: Path, config: str) -> None:
    """Run the command, and write down how many tasks there are when a signal asks for it."""

    def tell(*_: object) -> None:
        tasks.write_text(f"{len(asyncio.all_tasks())}\n")

    signal.signal(signal.SIGUSR1, tell)
    from vault_exporter.__main__ import main as command  # noqa: PLC0415 - as the installed program does

    sys.argv = ["vault-exporter", "serve", "--config", config]
    command()


class Soak:
    """Everything that happens around the exporter."""

    def __init__(self, exporter: Exporter) -> None:
        self.exporter = exporter
        self.scrapes = self.unread = self.reloads = self.changes = 0
        self.refused = self.let_in = 0
        self.failures: list[str] = []
        self._tls = exporter.client()
        self._stranger = exporter.client(identified=False)

    async def scrape(self, *, keep: bool) -> None:
        connector = aiohttp.TCPConnector(ssl=self._tls, force_close=not keep)
        headers = {"X-Prometheus-Scrape-Timeout-Seconds": str(SCRAPE_TIMEOUT), "Authorization": LOGIN}
        async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
            while True:
                began = time.monotonic()
                try:
                    async with session.get(f"https://localhost:{self.exporter.port}/metrics") as response:
                        text = await response.text()
                    if response.status != 200 or "\nvault_up" not in text:  # noqa: PLR2004
                        self.failures.append(str(response.status))
                except (aiohttp.ClientError, OSError) as error:
                    self.failures.append(type(error).__name__)
                self.scrapes += 1
                await asyncio.sleep(max(0.0, began + 1 - time.monotonic()))

    async def intrude(self) -> None:
        """Ask without a certificate and a password, four times a second."""
        url = f"https://localhost:{self.exporter.port}/metrics"
        while True:
            connector = aiohttp.TCPConnector(ssl=self._stranger, force_close=True)
            async with aiohttp.ClientSession(connector=connector) as session:
                try:
                    async with session.get(url) as response:
                        is_let_in = response.status == 200  # noqa: PLR2004
                except (aiohttp.ClientError, OSError):
                    is_let_in = False
            self.let_in += is_let_in
            self.refused += not is_let_in
            await asyncio.sleep(0.25)

    async def ask_and_not_read(self, number: int) -> None:
        request = f"{REQUEST}Authorization: {LOGIN}\r\n\r\n".encode()
        while True:
            with contextlib.suppress(OSError):
                # A limit of 1 byte stops reading almost at once.
                reader, writer = await asyncio.open_connection(
                    "127.0.0.1", self.exporter.port, ssl=self._tls, server_hostname="localhost", limit=1
                )
                try:
                    writer.write(request)
                    with contextlib.suppress(TimeoutError, OSError):
                        await asyncio.wait_for(writer.wait_closed(), 3 + number % 7)
                finally:
                    writer.close()
                    writer.transport.abort()
                del reader
                self.unread += 1
            await asyncio.sleep(0.2)

    async def reload(self) -> None:
        while True:
            await asyncio.sleep(5)
            self.exporter.service.signal(signal.SIGHUP)
            self.reloads += 1

    async def rotate(self) -> None:
        for change in self.exporter.rotations():
            await asyncio.sleep(10)
            change()
            self.changes += 1

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(self.scrape(keep=keep)) for keep in (True, False)]
        tasks += [asyncio.create_task(self.ask_and_not_read(number)) for number in range(CLIENTS)]
        tasks += [asyncio.create_task(work) for work in (self.reload(), self.rotate(), self.intrude())]
        yield
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended


async def soak(exporter: Exporter, seconds: float) -> tuple[Soak, Cost, Cost]:
    around = Soak(exporter)
    async with around.running():
        await asyncio.sleep(min(WARM_SECONDS, seconds / 2))
        start = await asyncio.to_thread(exporter.cost)
        await asyncio.sleep(seconds)
        end = await asyncio.to_thread(exporter.cost)
    return around, start, end


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--serve", nargs=2)
    given = parser.parse_args(arguments)
    if given.serve:
        serve(Path(given.serve[0]), given.serve[1])
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary)
        log = directory / "audit.log"
        with dev_server(directory, root_token=TOKEN, audit_log=log) as node:
            exporter = Exporter(directory, node.address, log)
            with exporter.service as service:
                service.wait_until(lambda: "event=listening" in service.tail(50), timeout=60)
                around, start, end = asyncio.run(soak(exporter, given.seconds))
                began = time.monotonic()
                status = service.stop(timeout=60)
                stopping = time.monotonic() - began
            complaints = [line for line in service.log.read_text().splitlines() if "level=error" in line]
    for what, cost in (("start", start), ("end", end)):
        print(what, json.dumps({field.name: getattr(cost, field.name) for field in fields(cost)}))
    print(
        f"{around.scrapes} scrapes, {len(around.failures)} failed; {around.let_in} of {around.let_in + around.refused} "
        f"strangers let in; {around.unread} unread pages; {around.reloads} "
        f"reloads; {around.changes} changes of web settings; stopped in {stopping:.1f} s with status {status}"
    )
    print("\n".join([*around.failures[:10], *complaints[:10]]))
    is_safe = not around.let_in and around.refused > 0
    is_good = not around.failures and is_safe and not complaints and status == 0 and around.unread > 0
    is_good = is_good and end.within(start)
    print("good" if is_good else "BAD")
    return not is_good


if __name__ == "__main__":
    sys.exit(main())
