"""How fresh backups are: the newest file of each configured pattern, on the exporter's own machine."""

import asyncio
import glob
import os
from collections.abc import Iterable, Iterator
from stat import S_ISREG

from vault_exporter.config.schema.watched import Backup
from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample

__all__ = ["backup_samples"]


async def backup_samples(backups: Iterable[Backup]) -> tuple[Sample, ...]:
    """Look at the files, in a thread, since a file system may be slow."""
    backups = tuple(backups)
    return await asyncio.to_thread(lambda: tuple(s for backup in backups for s in _samples(backup))) if backups else ()


def _samples(backup: Backup) -> Iterator[Sample]:
    paths = glob.iglob(str(backup.files))  # noqa: PTH207 - an absolute pattern
    files = [status for path in paths if (status := _status(path)) is not None]
    yield c.BACKUP_FILES(len(files), backup.name)
    if backup.max_age is not None:
        yield c.BACKUP_MAX_AGE(backup.max_age, backup.name)
    if files:
        newest = max(files, key=lambda status: status.st_mtime_ns)
        yield c.BACKUP_LAST(newest.st_mtime, backup.name)
        yield c.BACKUP_LAST_SIZE(newest.st_size, backup.name)


def _status(path: str) -> os.stat_result | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - glob gives text
    except OSError:  # removed meanwhile, or a link to nowhere
        return None
    return status if S_ISREG(status.st_mode) else None
