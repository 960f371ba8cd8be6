"""Whom the file no longer lets in is not let in by what was agreed before."""

import contextlib
import http.client
import re
import socket
import ssl
import time
from pathlib import Path

import pytest

from tests.lab.waiting import wait_until
from tests.web.hostile.running import DOWN, Running
from tests.web.hostile.settings import IF_GIVEN, LOGIN, REQUIRED, TLS, USERS, Certificates

ASK = b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"
PAGES = ("/metrics", "/audit/top", "/", "/sd")
GRACE_SECONDS = 1
"""For which a connection may send its first request after its settings have changed."""
TRIES = 50
"""On a busy machine a try may take longer than that, and shows nothing."""
TOP_ON = DOWN + "audit: {top: {enabled: true}}\n"


def opened(running: Running, tls: ssl.SSLContext, session: ssl.SSLSession | None = None) -> ssl.SSLSocket:
    plain = socket.create_connection(("localhost", running.port), timeout=60)
    return tls.wrap_socket(plain, server_hostname="localhost", session=session)


def answer(client: ssl.SSLSocket) -> bytes:
    """Ask, and return the answer: nothing where the connection was ended."""
    try:
        client.sendall(ASK)
        data, length = b"", 1
        while len(data) < length:
            received = client.recv(65536)
            if not received:
                return b""
            data += received
            head, end, _ = data.partition(b"\r\n\r\n")
            length = len(head) + len(end) + _content_length(head) if end else len(data) + 1
    except OSError:
        return b""
    return data


def _content_length(head: bytes) -> int:
    (length,) = re.findall(rb"\r\nContent-Length: (\d+)", head)
    return int(length)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_removed_authority_ends_connections_and_sessions(tmp_path: Path, version: ssl.TLSVersion) -> None:
    certificates = Certificates(tmp_path)
    tls = certificates.client(certificates.first)
    tls.maximum_version = version
    with Running(tmp_path, "", TLS + REQUIRED) as running, contextlib.ExitStack() as stack:
        kept = stack.enter_context(opened(running, tls))
        assert answer(kept).startswith(b"HTTP/1.1 200")
        resumed = stack.enter_context(opened(running, tls, kept.session))
        assert answer(resumed).startswith(b"HTTP/1.1 200")
        assert resumed.session_reused
        session = resumed.session

        certificates.trusted(certificates.second)
        assert answer(kept) == b""
        with contextlib.suppress(OSError):
            again = stack.enter_context(opened(running, tls, session))
            assert answer(again) == b""
        good = certificates.client(certificates.second)
        assert running.get("/metrics", good)[0] == 200
        assert answer(resumed) == b""


def test_a_kept_connection_of_an_authority_that_stays_goes_on(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    tls = certificates.client(certificates.first)
    with Running(tmp_path, "", TLS + REQUIRED) as running, contextlib.closing(opened(running, tls)) as kept:
        certificates.trusted(certificates.first, certificates.second)
        assert answer(kept).startswith(b"HTTP/1.1 200")
        certificates.server(certificates.second)
        assert answer(kept).startswith(b"HTTP/1.1 200")


def test_the_first_request_of_a_new_connection_is_answered_by_the_settings_of_its_handshake(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    first = certificates.client(certificates.first)
    with Running(tmp_path, "", TLS + REQUIRED) as running:
        for _ in range(TRIES):
            certificates.trusted(certificates.first)
            assert running.get("/metrics", first)[0] == 200
            started = time.monotonic()
            with contextlib.closing(opened(running, first)) as new:
                certificates.trusted(certificates.second)
                told = answer(new)
                in_time = time.monotonic() - started < GRACE_SECONDS
                # Only the first request: the next one needs what the file demands now.
                assert answer(new) == b""
            if in_time:
                assert told.startswith(b"HTTP/1.1 200")
                return
    pytest.fail(f"{TRIES} tries took longer than {GRACE_SECONDS} s each")


def test_an_idle_connection_that_is_outdated_is_ended(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    with Running(tmp_path, "", TLS + REQUIRED) as running:
        with contextlib.closing(opened(running, certificates.client(certificates.first))) as kept:
            assert answer(kept).startswith(b"HTTP/1.1 200")
            certificates.trusted(certificates.second)
            kept.settimeout(60)
            with contextlib.suppress(OSError):
                assert kept.recv(1) == b""
        good = certificates.client(certificates.second)
        status, text = running.get("/metrics", good)
        assert status == 200
        assert 'vault_exporter_web_closed_connections_total{reason="outdated"} 1\n' in text


CHANGES = {
    "users to certificates": (TLS + USERS, TLS + REQUIRED),
    "plain users to certificates": (USERS, TLS + REQUIRED),
    "open to certificates": ("rate_limit: {interval: 0}\n", TLS + REQUIRED),
    "open TLS to certificates": (TLS, TLS + REQUIRED),
    "certificates to users": (TLS + REQUIRED, TLS + USERS),
    "certificates to plain users": (TLS + REQUIRED, USERS),
    "certificates if given to required": (TLS + IF_GIVEN + USERS, TLS + REQUIRED),
}


@pytest.mark.parametrize(("before", "after"), CHANGES.values(), ids=CHANGES)
def test_a_changed_file_opens_no_door_and_shuts_none(tmp_path: Path, before: str, after: str) -> None:
    certificates = Certificates(tmp_path)
    nobody, somebody = certificates.client(), certificates.client(certificates.first)
    is_tls = "tls_server_config" in after
    with Running(tmp_path, TOP_ON, before) as running:
        kept = [running.connection(), running.connection(nobody)]
        for one in kept:
            with contextlib.suppress(OSError, http.client.HTTPException):
                one.request("GET", "/-/healthy")
                one.getresponse().read()
        running.rewrite(after)
        for path in PAGES:
            for one in [*kept, running.connection(), running.connection(nobody)]:
                try:
                    one.request("GET", path)
                    status = one.getresponse().status
                except (OSError, http.client.HTTPException):
                    status = 0
                one.close()
                assert status in {0, 401, 403}
            login = {"Authorization": LOGIN} if "basic_auth" in after else {}
            assert running.get(path, somebody if is_tls else None, login)[0] == 200
        wait_until(lambda: "read again" in running.log(), what="the log")
        assert not running.complaints()
