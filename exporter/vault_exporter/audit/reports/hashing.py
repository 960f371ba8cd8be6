"""Look up the hash that an audit device writes for a plain value."""

from typing import Final

import msgspec

from vault_exporter.config.schema.model import Target
from vault_exporter.vault.connection import connect
from vault_exporter.vault.errors import VaultError

__all__ = ["HashError", "hashed"]

_OK: Final = 200


class HashError(Exception):
    """The server does not say the hash."""


class _Hash(msgspec.Struct):
    hash: str


class _Body(msgspec.Struct):
    data: _Hash | None = None
    hash: str = ""


async def hashed(target: Target, device: str, plain: str) -> str:
    """Ask ``sys/audit-hash`` for the hash of a value.

    Args:
        target: the server that wrote the log, with a token whose policy allows ``update`` on the path.
        device: the path of the audit device, such as ``file``, as :func:`.config.parse.values.audit_device` reads it.
        plain: the value. It is sent to the server and appears in no message.

    Raises:
        HashError: there is no answer, or it is no hash.
    """
    path = f"sys/audit-hash/{device}"
    client = connect(target).client
    try:
        answer = await client.send("POST", path, token=True, body={"input": plain}, forward=True)
        if answer.status != _OK:
            raise answer.failure()
        body = answer.json(_Body)
    except VaultError as error:
        raise HashError(f"{error}; the token needs 'update' on {path}, and the device must be enabled") from None
    finally:
        await client.close()
    found = body.data.hash if body.data is not None else body.hash
    if not found.startswith("hmac-"):
        raise HashError(f"{path}: the answer has no hash")
    return found
