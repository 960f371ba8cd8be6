"""A week of a team's use of Vault, as an audit device writes it, with facts that reports must find."""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

START = int(datetime(2026, 11, 16, tzinfo=UTC).timestamp())
DAYS = 7
DAY, HOUR, MINUTE = 86_400, 3_600, 60

POLLED = "kv/data/billing/db"
POLL_SECONDS = 30
POLLS_A_DAY = 120
DENIED = "kv/data/prod/root"
UNREAD = "kv/data/old/key"
LOOKUPS = 150
ADDRESS = {"billing": "10.0.0.1", "alice": "10.0.1.1", "mallory": "10.9.9.9"}
"""The clients that always come from one address."""


def hashed(text: str) -> str:
    return f"hmac-sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def entity(name: str) -> str:
    return f"e-{name}"


class Writer:
    """Makes entries, by time."""

    def __init__(self) -> None:
        self.entries: list[tuple[float, int, dict[str, Any]]] = []

    def request(
        self,
        at: float,
        name: str,
        operation: str,
        path: str,
        *,
        mount: str = "kv/",
        type_: str = "kv",
        error: str = "",
        auth: dict[str, Any] | None = None,
        data: dict[str, str] | None = None,
        known: bool = True,
        namespace: str = "",
    ) -> None:
        """Write a request and its response; without ``known`` it has no token, as a login."""
        number = len(self.entries)
        address = ADDRESS.get(name, f"10.0.2.{int(hashlib.sha256(name.encode()).hexdigest(), 16) % 5}")
        asked: dict[str, Any] = {
            "id": f"r-{number}",
            "operation": operation,
            "mount_point": mount,
            "mount_type": type_,
            "path": path,
            "remote_address": address,
            "namespace": {"id": "n1", "path": namespace} if namespace else {"id": "root"},
        }
        who: dict[str, Any] = {"token_type": "default"}
        if known:
            who = {
                "accessor": hashed(f"accessor {name}"),
                "client_token": hashed(f"token {name}"),
                "display_name": name,
                "entity_id": entity(name),
                "policies": ["default"],
                "token_type": "service",
            }
            asked |= {"client_id": entity(name), "client_token_accessor": who["accessor"]}
        if data:
            asked["data"] = {key: hashed(value) for key, value in data.items()}
        answered = {"auth": auth} if auth else {}
        failed = {"error": error} if error else {}
        self._add(at, {"type": "request", "auth": who, "request": asked})
        ended = who if not auth or known else {**who, **auth}
        self._add(at + 0.002, {"type": "response", "auth": ended, "request": asked, "response": answered, **failed})

    def login(self, at: float, name: str, mount: str, type_: str, **metadata: str) -> None:
        self.request(
            *(at, name, "update", f"auth/{mount}/login"),
            mount=f"auth/{mount}/",
            type_=type_,
            data={"role": metadata.get("role", "r")},
            known=False,
            auth={
                "accessor": hashed(f"accessor {name}"),
                "client_token": hashed(f"token {name}"),
                "display_name": name,
                "entity_id": entity(name),
                "metadata": metadata,
                "policies": ["default"],
                "token_ttl": HOUR,
                "token_type": "service",
            },
        )

    def _add(self, at: float, entry: dict[str, Any]) -> None:
        time = datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        self.entries.append((at, len(self.entries), {"time": time, **entry}))

    def lines(self) -> Iterator[bytes]:
        """Yield the entries in order of time, in the order of fields of OpenBao and of Vault in turns."""
        for number, (_, _, entry) in enumerate(sorted(self.entries, key=lambda one: one[:2])):
            yield json.dumps(entry, separators=(",", ":"), sort_keys=bool(number // 100 % 2)).encode() + b"\n"


def week() -> list[bytes]:
    """Write the week: who polls, who comes and goes, who is denied, who looks up tokens."""
    made = Writer()
    for day in range(DAYS):
        begun = START + day * DAY
        _team(made, day, begun)
        for number in range(POLLS_A_DAY):
            made.request(begun + 9 * HOUR + number * POLL_SECONDS, "billing", "read", POLLED)
        for hour in range(24):
            at = begun + hour * HOUR + 7
            service = {"role": "web", "service_account_name": "web", "service_account_namespace": "shop"}
            made.login(at, "web", "kubernetes", "kubernetes", **service)
            made.request(at + 1, "web", "read", "database/creds/web", mount="database/", type_="database")
        made.request(
            *(begun + 100, "nobody", "update", "auth/kubernetes/login"),
            mount="auth/kubernetes/",
            type_="kubernetes",
            error="permission denied",
            known=False,
        )
    made.request(START + 3 * DAY, "alice", "update", UNREAD)
    _tokens(made)
    return list(made.lines())


def _team(made: Writer, day: int, begun: int) -> None:
    names = {"alice": range(DAYS), "bob": range(2), "carol": range(3, DAYS), "dave": range(4, 5)}
    for name, days in names.items():
        if day in days:
            made.login(begun + 8 * HOUR, name, "oidc", "oidc")
            for number in range(10):
                at = begun + 9 * HOUR + (number * 37 % 60) * MINUTE
                made.request(at, name, "read", f"kv/data/team/{number % 3}")
            made.request(begun + 11 * HOUR, name, "update", "kv/data/team/0")
            made.request(begun + 11 * HOUR + 5, name, "list", "kv/metadata/team/")
    if day == 1:
        for number in range(7):
            at = begun + 3 * HOUR + number * number
            made.request(at, "mallory", "read", DENIED, error="1 error occurred:\n\t* permission denied\n\n")
    made.request(begun + 12 * HOUR, "erin", "read", "kv/data/a", namespace="team-e/")


def _tokens(made: Writer) -> None:
    token: dict[str, Any] = {"mount": "auth/token/", "type_": "token"}
    at = START + 2 * DAY
    given = {
        "accessor": hashed("accessor batch"),
        "client_token": hashed("token batch"),
        "display_name": "token-batch",
        "policies": ["batch"],
        "token_ttl": 600,
        "token_type": "service",
    }
    made.request(at, "alice", "update", "auth/token/create", auth=given, mount="auth/token/", type_="token")
    made.request(at + 60, "batch", "update", "auth/token/renew-self", auth=given, mount="auth/token/", type_="token")
    for number in range(LOOKUPS):
        made.request(at + 70 + number * 3.1, "batch", "read", "auth/token/lookup-self", **token)
    made.request(
        at + 1000, "alice", "update", "auth/token/revoke-accessor", data={"accessor": "accessor batch"}, **token
    )
    made.request(at + 1500, "alice", "update", "auth/token/revoke", data={"token": "token bob"}, **token)
