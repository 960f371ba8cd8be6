"""Request helpers of the collectors. They return decoded data, or None if the node lacks the endpoint or feature."""

from typing import Final, Generic, TypeVar

import msgspec

from vault_exporter.vault.client import SMALL_ANSWER_BYTES, Answer, Client, VaultError

__all__ = [
    "LARGE_ANSWER_BYTES",
    "Keys",
    "Wrapped",
    "ask",
    "ask_keys",
    "ask_list",
    "data",
    "has_no_such_thing",
    "is_empty_list",
]

T = TypeVar("T")

LARGE_ANSWER_BYTES: Final = 16 << 20
"""Limit in bytes of a response that lists users' objects, such as mounts or policies."""

_OK: Final = 200
_NO_CONTENT: Final = 204
_BAD_REQUEST: Final = 400
_NO_SUCH_THING: Final = (
    "unsupported path",
    "unsupported operation",
    "not supported",
    "local-only",  # "cannot forward local-only request", from a standby that is starting or lagging
    "unavailable in namespaces",
    "only available in root namespace",
    "namespace is not sealable",  # so it has no keys
)
"""Parts of error messages with status 400 that mean that the feature does not exist."""
_NOT_FOUND: Final = 404
_NOT_ALLOWED: Final = 405


class Wrapped(msgspec.Struct, Generic[T], frozen=True):
    """Vault's usual response. Some endpoints repeat the data at the top level, which is ignored."""

    data: T


class Keys(msgspec.Struct, frozen=True):
    """Data of a LIST response."""

    keys: tuple[str, ...] = ()


class _Errors(msgspec.Struct, frozen=True):
    errors: tuple[str, ...]


async def ask(client: Client, path: str, kind: type[T], *, max_bytes: int = SMALL_ANSWER_BYTES) -> T | None:
    """Read a path with the token; None if this product, version or state of the node does not have it.

    Raises:
        VaultError: for every other response.
    """
    return data(await client.get(path, token=True, max_bytes=max_bytes), kind)


async def ask_list(client: Client, path: str, kind: type[T]) -> T | None:
    """LIST a path with the token; None if it does not exist or is empty.

    Raises:
        VaultError: for every other response.
    """
    return await ask(client, f"{path}?list=true", kind, max_bytes=LARGE_ANSWER_BYTES)


async def ask_keys(client: Client, path: str) -> tuple[str, ...] | None:
    """LIST the names in a path with the token; empty if there are none, None if the path does not exist.

    Raises:
        VaultError: for every other response.
    """
    answer = await client.get(f"{path}?list=true", token=True, max_bytes=LARGE_ANSWER_BYTES)
    if is_empty_list(answer):
        return ()
    found = data(answer, Keys)
    return None if found is None else found.keys


def data(answer: Answer, kind: type[T]) -> T | None:
    """Decode the data of a response; None if it says that the feature does not exist.

    Raises:
        VaultError: for every other response.
    """
    if answer.status == _NO_CONTENT:
        return None
    if answer.status == _OK:
        return answer.json(Wrapped[kind]).data  # type: ignore[valid-type]
    if has_no_such_thing(answer):
        return None
    raise answer.failure()


def is_empty_list(answer: Answer) -> bool:
    """Return whether a response is an empty LIST: status 404 without error messages."""
    try:
        return answer.status == _NOT_FOUND and not answer.json(_Errors).errors
    except VaultError:
        return False


def has_no_such_thing(answer: Answer) -> bool:
    """Return whether the response means that this product, version, storage, seal or state lacks the feature."""
    if answer.status in {_NOT_FOUND, _NOT_ALLOWED}:
        return True
    return answer.status == _BAD_REQUEST and any(map(answer.says, _NO_SUCH_THING))
