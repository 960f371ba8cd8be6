"""The one thing that the exporter writes: a secret of its own, in a KV version 2 engine."""

import contextlib
from typing import Final
from urllib.parse import quote

import msgspec

from vault_exporter.metrics.reasons import Reason
from vault_exporter.vault.client import Answer, Client, VaultError

__all__ = ["SecretWriter"]

_OK: Final = 200
_NO_CONTENT: Final = 204


class _Secret(msgspec.Struct, frozen=True):
    value: str


class _Data(msgspec.Struct, frozen=True):
    data: _Secret


class _Answer(msgspec.Struct, frozen=True):
    data: _Data


class _Identified(msgspec.Struct, frozen=True):
    request_id: str = ""


class SecretWriter:
    """Writes, reads and deletes one secret, and has no way to reach another.

    Attributes:
        answered: ids of the requests that succeeded, with the times of their answers, in seconds since the epoch.
            An answer without a body has no id.
    """

    def __init__(self, client: Client, mount: str, path: str) -> None:
        self.answered: dict[str, float] = {}
        self._client = client
        self._data = quote(f"{mount}/data/{path}")
        self._metadata = quote(f"{mount}/metadata/{path}")

    async def write(self, value: str) -> None:
        """Write a value.

        Raises:
            VaultError: the node did not take it, or the engine is none of KV version 2.
        """
        answer = await self._client.send("POST", self._data, token=True, body={"data": {"value": value}})
        if answer.status != _OK:  # version 1 has nothing to say about what it took
            raise answer.failure()
        self._note(answer)

    async def read(self, value: str) -> None:
        """Read it back.

        Raises:
            VaultError: the node did not give it, or (``bad_reply``) gave another.
        """
        answer = await self._client.get(self._data, token=True)
        if answer.status != _OK:
            raise answer.failure()
        self._note(answer)
        if answer.json(_Answer).data.data.value != value:
            raise VaultError(Reason.BAD_REPLY, f"{self._data}: another value than the one that was written")

    async def delete(self) -> None:
        """Delete it with all its versions.

        Raises:
            VaultError: the node did not do it.
        """
        answer = await self._client.send("DELETE", self._metadata, token=True)
        if answer.status not in {_OK, _NO_CONTENT}:
            raise answer.failure()

    def _note(self, answer: Answer) -> None:
        with contextlib.suppress(VaultError):  # an answer that says no id is as good
            if id_ := answer.json(_Identified).request_id:
                self.answered[id_] = answer.sent + answer.seconds
