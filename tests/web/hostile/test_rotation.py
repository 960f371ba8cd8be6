"""Every setting of ``web_config_file`` changes while it is scraped: nobody is locked out, and nobody is let in."""

import http.client
import ssl
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import trustme

from tests.lab.figures import Figure
from tests.lab.waiting import wait_until
from tests.web.hostile.running import SCRAPE, Running
from tests.web.hostile.settings import HASH, IF_GIVEN, LOGIN, REQUIRED, TLS, USERS, Certificates, login

ROUNDS = 2
SCRAPES = 4
"""Scrapes of each client between two changes."""
OTHER_USERS = USERS.replace("}", f', somebody: "{HASH}"}}')


class Epoch:
    """What is served at the moment; a scrape during which the scheme changes can be neither right nor wrong."""

    def __init__(self) -> None:
        self.number = 0
        self.is_tls = True
        self.is_changing = False


class Client(threading.Thread):
    """Scrapes without a pause, in kept connections or in a new one each time, and counts what becomes of it."""

    def __init__(self, running: Running, epoch: Epoch, tls: ssl.SSLContext, auth: str, *, keeps: bool) -> None:
        super().__init__(daemon=True)
        self._running, self._epoch, self._tls, self._keeps = running, epoch, tls, keeps
        self._headers = SCRAPE | ({"Authorization": auth} if auth else {})
        self._connection: http.client.HTTPConnection | None = None
        self._kept_tls = False
        self._ended = threading.Event()
        self.outcomes: Counter[str] = Counter()
        self.failures: list[str] = []
        self.scrapes = 0

    def run(self) -> None:
        while not self._ended.wait(0.01):
            number, is_changing = self._epoch.number, self._epoch.is_changing
            try:
                outcome = str(self._scrape(is_tls=self._epoch.is_tls))
            except (OSError, http.client.HTTPException) as error:
                self._drop()
                outcome = type(error).__name__
            if is_changing or self._epoch.is_changing or number != self._epoch.number:
                outcome = f"meanwhile {'200' if outcome == '200' else 'else'}"
            self.outcomes[outcome] += 1
            self.scrapes += 1
        self._drop()

    def end(self) -> None:
        self._ended.set()
        self.join()

    def _scrape(self, *, is_tls: bool) -> int:
        is_reused = self._connection is not None and self._kept_tls == is_tls
        try:
            return self._ask(is_tls=is_tls)
        except (OSError, http.client.HTTPException):
            if not is_reused:
                raise
            self._drop()
            return self._ask(is_tls=is_tls)  # as Go does where a kept connection turns out to be closed

    def _ask(self, *, is_tls: bool) -> int:
        if self._connection is None or self._kept_tls != is_tls:
            self._drop()
            self._connection, self._kept_tls = self._running.connection(self._tls if is_tls else None), is_tls
        self._connection.request("GET", "/metrics", headers=self._headers)
        answer = self._connection.getresponse()
        answer.read()
        if answer.will_close or not self._keeps:
            self._drop()
        return answer.status

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def test_nobody_is_locked_out_or_let_in(tmp_path: Path, figure: Figure) -> None:
    certificates = Certificates(tmp_path)
    first, second = certificates.first, certificates.second
    known, epoch = certificates.client(first), Epoch()
    with Running(tmp_path, "", TLS + USERS) as running:

        def write(text: str, *, is_tls: bool = True) -> Callable[[], None]:
            def change() -> None:
                epoch.is_changing = is_tls != epoch.is_tls
                running.rewrite(text)
                epoch.is_tls = is_tls
                epoch.number += epoch.is_changing
                epoch.is_changing = False

            return change

        changes = {
            "client_auth_type, no users": write(TLS + REQUIRED),
            "users": write(TLS + REQUIRED + USERS),
            "other users": write(TLS + REQUIRED + OTHER_USERS),
            "a second authority": lambda: certificates.trusted(first, second),
            "one authority": lambda: certificates.trusted(first),
            "another certificate": lambda: certificates.server(second),
            "the certificate before": lambda: certificates.server(first),
            "client_auth_type, less": write(TLS + IF_GIVEN + USERS),
            "versions": write(TLS + "  min_version: TLS13\n" + USERS),
            "TLS off": write(USERS, is_tls=False),
            "TLS on": write(TLS + USERS),
        }
        right = [Client(running, epoch, known, LOGIN, keeps=keeps) for keeps in (True, False)]
        strangers = [
            Client(running, epoch, certificates.client(authority), auth, keeps=keeps)
            for authority, auth, keeps in (
                (None, "", True),
                (None, login("prometheus", "wrong"), False),
                (trustme.CA(), "", False),
            )
        ]
        clients = right + strangers
        for client in clients:
            client.start()
        for change in [*changes.values()] * ROUNDS:
            before = [client.scrapes for client in clients]
            change()
            enough = [scrapes + SCRAPES for scrapes in before]
            wait_until(
                lambda enough=enough: all(c.scrapes >= n for c, n in zip(clients, enough, strict=True)),  # type: ignore[misc]
                what="scrapes",
            )
        for client in clients:
            client.end()
        log = running.log()
    outcomes = sum((client.outcomes for client in right), Counter[str]())
    served = sum((client.outcomes for client in strangers), Counter[str]())
    assert "became wrong" not in log
    assert "Traceback" not in log
    failed = {what: number for what, number in outcomes.items() if what != "200" and not what.startswith("meanwhile")}
    assert not failed
    assert outcomes["200"] >= ROUNDS * len(changes)
    figure("scrapes of who may, in all", outcomes["200"])
    figure("of these failed", sum(failed.values()), 0)
    figure("requests of strangers, in all", sum(served.values()))
    figure("of these served", served["200"] + served["meanwhile 200"], 0)
