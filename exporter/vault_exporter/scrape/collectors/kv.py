"""Age, versions and deletion of secrets in KV version 2 engines, from their metadata. Secret data is never read.

https://openbao.org/api-docs/secret/kv/kv-v2/
"""

import asyncio
import fnmatch
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Final
from urllib.parse import quote

import msgspec

from vault_exporter.config.schema.watched import Kv
from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.scrape.collectors.ask import Keys, ask, ask_list
from vault_exporter.scrape.collectors.collector import Collector, Grant
from vault_exporter.vault.client import Client
from vault_exporter.vault.go import Time, moment

__all__ = ["Metadata", "collector", "samples"]

_WILD: Final = frozenset("*?[")


class Version(msgspec.Struct, frozen=True):
    """One version."""

    created_time: Time
    deletion_time: str = ""
    destroyed: bool = False


class Metadata(msgspec.Struct, frozen=True):
    """One secret."""

    current_version: int
    updated_time: Time
    versions: dict[str, Version] = {}


def collector(watched: Sequence[Kv]) -> Collector:
    """Build the collector for these secrets."""
    return Collector(
        "kv",
        "metadata of KV secrets",
        partial(_collect, tuple(watched)),
        grants=tuple(grant for kv in watched for grant in _grants(kv)),
        interval=300,
    )


def samples(kv: Kv, path: str, metadata: Metadata | None, now: float) -> Iterator[Sample]:
    """Turn a secret's metadata into samples; None means that the secret does not exist.

    Args:
        kv: the settings of the secret.
        path: its path below the mount.
        metadata: the metadata from the node.
        now: Unix time in seconds, which decides whether a planned deletion has happened.
    """
    labels = (kv.mount, path)
    yield c.KV_EXISTS(metadata is not None, *labels)
    if kv.max_age is not None:
        yield c.KV_MAX_AGE(kv.max_age, *labels)
    if metadata is None:
        return
    yield c.KV_CURRENT_VERSION(metadata.current_version, *labels)
    yield c.KV_UPDATED(metadata.updated_time.timestamp(), *labels)
    yield c.KV_VERSIONS(len(metadata.versions), *labels)
    version = metadata.versions.get(str(metadata.current_version))
    if version is None:  # the secret has metadata, but no version
        return
    yield c.KV_VERSION_CREATED(version.created_time.timestamp(), *labels)
    deletion = moment(version.deletion_time)
    yield c.KV_DELETED(version.destroyed or (deletion is not None and deletion <= now), *labels)
    if deletion is not None:
        yield c.KV_DELETION(deletion, *labels)


async def _collect(watched: tuple[Kv, ...], client: Client) -> Iterable[Sample]:
    found = await asyncio.gather(*(_collect_mount(kv, client) for kv in watched))
    return tuple(sample for part in found for sample in part)


async def _collect_mount(kv: Kv, client: Client) -> Iterable[Sample]:
    paths, skipped = await _expand(kv, client)
    read = await asyncio.gather(*(ask(client, _path(kv, path), Metadata) for path in paths))
    now = time.time()
    made = [sample for path, metadata in zip(paths, read, strict=True) for sample in samples(kv, path, metadata, now)]
    return (*made, c.KV_SKIPPED(skipped, kv.mount))


async def _expand(kv: Kv, client: Client) -> tuple[list[str], int]:
    """Find the matching secrets; return those within the budget, and the number of dropped ones.

    A folder beyond the budget counts as one. No further folder is listed once the budget is exceeded.
    """
    found = dict.fromkeys(path for path in kv.paths if not _is_wild(path))
    budget, skipped = kv.max_paths, 0
    for pattern in filter(_is_wild, kv.paths):
        matches = [""]
        parts = pattern.split("/")
        for depth, part in enumerate(parts, start=1):
            end = "" if depth == len(parts) else "/"
            if not _is_wild(part):
                matches = [f"{folder}{part}{end}" for folder in matches]
                continue
            folders, matches = matches, []
            room = kv.max_paths if end else kv.max_paths - len(found)
            for number, folder in enumerate(folders):
                if not budget or len(matches) > room:
                    skipped += len(folders) - number
                    break
                budget -= 1
                listed = await _list(kv, client, folder)
                names = [name for name in listed if _fits(name, part, end) and folder + name not in found]
                kept = names[: max(room - len(matches), 0) + 1]  # one above the limit shows that the budget is exceeded
                skipped += len(names) - len(kept)
                matches += [folder + name for name in kept]
        found |= dict.fromkeys(matches)
    paths = list(found)
    return paths[: kv.max_paths], skipped + len(paths[kv.max_paths :])


def _fits(name: str, pattern: str, end: str) -> bool:
    """Return whether a listed name is of the right kind (a folder ends in a slash) and matches the pattern."""
    return name.endswith("/") == bool(end) and fnmatch.fnmatchcase(name.removesuffix("/"), pattern)


async def _list(kv: Kv, client: Client, folder: str) -> tuple[str, ...]:
    listed = await ask_list(client, _path(kv, folder).rstrip("/"), Keys)
    return () if listed is None else listed.keys


def _path(kv: Kv, path: str) -> str:
    return quote(f"{kv.mount}/metadata/{path}")


def _is_wild(path: str) -> bool:
    return not _WILD.isdisjoint(path)


def _grants(kv: Kv) -> Iterator[Grant]:
    for path in kv.paths:
        parts = ["+" if _is_wild(part) else part for part in path.split("/")]
        yield Grant(f"{kv.mount}/metadata/{'/'.join(parts)}")
        for depth, part in enumerate(path.split("/")):
            if _is_wild(part):
                yield Grant("/".join([kv.mount, "metadata", *parts[:depth], ""]), ("list",))
