"""Steady, varied traffic on the demo's server: a few requests a second, some of them wrong on purpose."""

import random
import secrets
import threading
from collections.abc import Callable
from typing import Any, Literal, Self

import hvac
import msgspec
import requests

from vault_exporter.demo.setup import MOUNT, PATHS, READABLE, Accounts, connect

__all__ = ["Sent", "Traffic"]


class Sent(msgspec.Struct, frozen=True):
    """Numbers of what the traffic sent so far."""

    requests: int = 0
    """Requests that the server answered, whatever the answer."""
    denied: int = 0
    """Of these, the reads that a policy denied, as they should be."""
    failed_logins: int = 0
    """Of these, the logins with a wrong password or secret id, refused as they should be."""
    unexpected: int = 0
    """Actions with an unexpected result: no response, refused, or allowed although they are wrong."""
    problem: str = ""
    """How the last unexpected one ended."""


class Traffic:
    """Sends requests from a thread of its own, from entering the context until :meth:`stop` or leaving it."""

    def __init__(self, address: str, accounts: Accounts, *, rate: float = 10, seed: int = 9410) -> None:
        """Prepare the traffic.

        Args:
            address: the server's base URL.
            accounts: made by :func:`~vault_exporter.demo.setup.prepare`.
            rate: actions a second, on average; most are one request.
            seed: of the choice of actions and of the pauses between them.
        """
        self._rate = rate
        self._sent = Sent()
        self._stop = threading.Event()
        self._session = requests.Session()
        self._session.hooks["response"].append(self._answered)
        self._actions = _Actions(address, accounts, self._session, random.Random(seed))  # noqa: S311 - no secret
        self._thread = threading.Thread(target=self._run, name="demo-traffic", daemon=True)

    @property
    def sent(self) -> Sent:
        """Return what it sent so far; after :meth:`stop`, everything."""
        return self._sent

    def stop(self) -> None:
        """Stop it after the current request."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._session.close()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # All below runs in the thread, which alone replaces self._sent.

    def _run(self) -> None:
        # Every kind of action runs once at the start, so that a short run includes them all.
        for action in self._actions.every():
            if self._stop.is_set():
                return
            self._do(action)
        while not self._stop.wait(self._actions.pause(self._rate)):
            self._do(self._actions.any())

    def _do(self, action: "_Action") -> None:
        try:
            action.run()
        except (hvac.exceptions.VaultError, requests.RequestException) as error:
            if action.refusal is not None and isinstance(error, action.refusal):
                self._count(action.refused_as)
            else:
                self._count("unexpected", f"{action.run.__name__}: {error}")
        else:
            if action.refusal is not None:
                self._count("unexpected", f"{action.run.__name__}: allowed")

    def _answered(self, response: requests.Response, **_: Any) -> requests.Response:  # noqa: ANN401 - requests' hook
        self._count("requests")
        return response

    def _count(self, what: "_Count", problem: str = "") -> None:
        counted = {what: getattr(self._sent, what) + 1}
        self._sent = msgspec.structs.replace(self._sent, **counted, problem=problem or self._sent.problem)


_Count = Literal["requests", "denied", "failed_logins", "unexpected"]


class _Action(msgspec.Struct, frozen=True):
    """One thing that a user of the server does, how often, and how the server should refuse it if it is wrong."""

    run: Callable[[], object]
    weight: int
    refusal: type[hvac.exceptions.VaultError] | None = None
    refused_as: _Count = "requests"


class _Actions:
    """The actions of the traffic."""

    def __init__(self, address: str, accounts: Accounts, session: requests.Session, chance: random.Random) -> None:
        self._accounts = accounts
        self._chance = chance
        self._anyone = connect(address, session=session)
        self._viewer = connect(address, accounts.viewer_token, session)
        self._app = connect(address, session=session)
        self._child = connect(address, session=session)
        denied, refused = hvac.exceptions.Forbidden, hvac.exceptions.InvalidRequest
        self._table = (
            # The order is that of the first round: the login gives the others their token.
            _Action(self.log_in, 5),
            _Action(self.write, 20),
            _Action(self.read, 40),
            _Action(self.read_metadata, 8),
            _Action(self.list_paths, 8),
            _Action(self.write_and_delete, 4),
            _Action(self.log_in_by_password, 4),
            _Action(self.use_child_token, 4),
            _Action(self.read_as_viewer, 4),
            _Action(self.read_denied, 5, denied, "denied"),
            _Action(self.log_in_with_wrong_secret_id, 2, refused, "failed_logins"),
            _Action(self.log_in_with_wrong_password, 2, refused, "failed_logins"),
        )
        self._weights = [action.weight for action in self._table]

    def every(self) -> tuple[_Action, ...]:
        return self._table

    def any(self) -> _Action:
        return self._chance.choices(self._table, self._weights)[0]

    def pause(self, rate: float) -> float:
        """Return the seconds until the next action, as of independent users but without the longest gaps."""
        return min(self._chance.expovariate(rate), 5 / rate)

    def log_in(self) -> None:
        answer = self._anyone.auth.approle.login(self._accounts.role_id, self._accounts.secret_id, use_token=False)
        self._app.token = answer["auth"]["client_token"]

    def log_in_by_password(self) -> None:
        self._anyone.auth.userpass.login(self._accounts.username, self._accounts.password, use_token=False)

    def log_in_with_wrong_secret_id(self) -> None:
        self._anyone.auth.approle.login(self._accounts.role_id, "wrong", use_token=False)

    def log_in_with_wrong_password(self) -> None:
        self._anyone.auth.userpass.login(self._accounts.username, "wrong", use_token=False)

    def write(self) -> None:
        self._app.secrets.kv.v2.create_or_update_secret(self._path(), self._value(), mount_point=MOUNT)

    def read(self) -> None:
        self._app.secrets.kv.v2.read_secret_version(self._path(), mount_point=MOUNT, raise_on_deleted_version=True)

    def read_metadata(self) -> None:
        self._app.secrets.kv.v2.read_secret_metadata(self._path(), mount_point=MOUNT)

    def list_paths(self) -> None:
        self._app.secrets.kv.v2.list_secrets(self._chance.choice(("", "database")), mount_point=MOUNT)

    def write_and_delete(self) -> None:
        path = f"scratch/{self._chance.randrange(20)}"
        self._app.secrets.kv.v2.create_or_update_secret(path, self._value(), mount_point=MOUNT)
        self._app.secrets.kv.v2.delete_latest_version_of_secret(path, mount_point=MOUNT)

    def use_child_token(self) -> None:
        answer = self._app.auth.token.create(ttl="10m", display_name="job")
        self._child.token = answer["auth"]["client_token"]
        self._child.auth.token.renew_self()
        self._child.auth.token.revoke_self()

    def read_as_viewer(self) -> None:
        self._viewer.secrets.kv.v2.read_secret_version(READABLE, mount_point=MOUNT, raise_on_deleted_version=True)

    def read_denied(self) -> None:
        path = self._chance.choice([path for path in PATHS if path != READABLE])
        self._viewer.secrets.kv.v2.read_secret_version(path, mount_point=MOUNT, raise_on_deleted_version=True)

    def _path(self) -> str:
        return self._chance.choice(PATHS)

    def _value(self) -> dict[str, str]:
        return {"value": secrets.token_hex(16)}
