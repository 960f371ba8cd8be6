"""Write, read and delete the exporter's own secret in a KV version 2 engine. The exporter writes nothing else."""

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
    """Access to one secret.

    Attributes:
        answered: ids of successful requests, with the Unix time of the response in seconds. A response without a
            body has no id.
    """

    def __init__(self, client: Client, mount: str, path: str) -> None:
        self.answered: dict[str, float] = {}
        self._client = client
        self._data = quote(f"{mount}/data/{path}")
        self._metadata = quote(f"{mount}/metadata/{path}")

    async def write(self, value: str) -> None:
        """Write a value.

        Raises:
            VaultError: the node refused it, or the engine is not KV version 2.
        """
        answer = await self._client.send("POST", self._data, token=True, body={"data": {"value": value}})
        if answer.status != _OK:  # KV version 1 returns no body
            raise answer.failure()
        self._note(answer)

    async def read(self, value: str) -> None:
        """Read the secret and compare its value.

        Raises:
            VaultError: the node refused, or (``bad_reply``) returned another value.
        """
        answer = await self._client.get(self._data, token=True)
        if answer.status != _OK:
            raise answer.failure()
        self._note(answer)
        if answer.json(_Answer).data.data.value != value:
            raise VaultError(Reason.BAD_REPLY, f"{self._data}: another value than the one that was written")

    async def delete(self) -> None:
        """Delete the secret with all versions.

        Raises:
            VaultError: the node refused.
        """
        answer = await self._client.send("DELETE", self._metadata, token=True)
        if answer.status not in {_OK, _NO_CONTENT}:
            raise answer.failure()

    def _note(self, answer: Answer) -> None:
        with contextlib.suppress(VaultError):  # the id is optional
            if id_ := answer.json(_Identified).request_id:
                self.answered[id_] = answer.sent + answer.seconds
