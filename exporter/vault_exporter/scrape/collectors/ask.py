"""How collectors put their questions: the answer's data, decoded, or None where the node has no such thing."""

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
"""Limit for an answer that lists what users made, such as mounts or policies."""

_OK: Final = 200
_NO_CONTENT: Final = 204
_BAD_REQUEST: Final = 400
_NO_SUCH_THING: Final = (
    "unsupported path",
    "unsupported operation",
    "not supported",
    "local-only",  # "cannot forward local-only request", of a standby that is starting, or lags
    "unavailable in namespaces",
    "only available in root namespace",
    "namespace is not sealable",  # so it has no keys of its own
)
"""What messages with status 400 contain where there is no such thing."""
_NOT_FOUND: Final = 404
_NOT_ALLOWED: Final = 405


class Wrapped(msgspec.Struct, Generic[T], frozen=True):
    """Vault's usual answer; some endpoints repeat the data beside it, which is of no interest."""

    data: T


class Keys(msgspec.Struct, frozen=True):
    """What a LIST gives."""

    keys: tuple[str, ...] = ()


class _Errors(msgspec.Struct, frozen=True):
    errors: tuple[str, ...]


async def ask(client: Client, path: str, kind: type[T], *, max_bytes: int = SMALL_ANSWER_BYTES) -> T | None:
    """Read a path with the token; None where this product, version or state of the node has no such thing.

    Raises:
        VaultError: for every other answer than the two.
    """
    return data(await client.get(path, token=True, max_bytes=max_bytes), kind)


async def ask_list(client: Client, path: str, kind: type[T]) -> T | None:
    """LIST a path with the token; None where there is no such thing, and also where nothing is in it.

    Raises:
        VaultError: for every other answer than the two.
    """
    return await ask(client, f"{path}?list=true", kind, max_bytes=LARGE_ANSWER_BYTES)


async def ask_keys(client: Client, path: str) -> tuple[str, ...] | None:
    """LIST the names in a path with the token; empty where nothing is in it, None where there is no such thing.

    Raises:
        VaultError: for every other answer than these.
    """
    answer = await client.get(f"{path}?list=true", token=True, max_bytes=LARGE_ANSWER_BYTES)
    if is_empty_list(answer):
        return ()
    found = data(answer, Keys)
    return None if found is None else found.keys


def data(answer: Answer, kind: type[T]) -> T | None:
    """Decode the data of an answer; None where it says that there is no such thing.

    Raises:
        VaultError: for every other answer than the two.
    """
    if answer.status == _NO_CONTENT:
        return None
    if answer.status == _OK:
        return answer.json(Wrapped[kind]).data  # type: ignore[valid-type]
    if has_no_such_thing(answer):
        return None
    raise answer.failure()


def is_empty_list(answer: Answer) -> bool:
    """Tell Vault's way to say so: not found, and no complaint."""
    try:
        return answer.status == _NOT_FOUND and not answer.json(_Errors).errors
    except VaultError:
        return False


def has_no_such_thing(answer: Answer) -> bool:
    """Tell the ways to say that this product, version, storage, seal or state of the node has no such thing."""
    if answer.status in {_NOT_FOUND, _NOT_ALLOWED}:
        return True
    return answer.status == _BAD_REQUEST and any(map(answer.says, _NO_SUCH_THING))
