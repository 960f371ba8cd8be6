"""How fresh backups are: the newest file of each configured pattern, on the exporter's own machine."""

import asyncio
import glob
import os
from collections.abc import Iterable
from functools import partial
from stat import S_ISREG

import structlog

from vault_exporter.config.schema.watched import Backup
from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.util.threads import in_thread

__all__ = ["BackupFiles"]

_log = structlog.get_logger(__name__)


class BackupFiles:
    """Looks at the files in threads, because a file system can be slow or hang.

    Kept between scrapes: one look under way for each configured backup. A look that is late for its scrape is used for
    the next one.
    """

    def __init__(self) -> None:
        self._looks: dict[Backup, asyncio.Future[tuple[Sample, ...]]] = {}
        self._late: set[Backup] = set()

    async def samples(self, backups: Iterable[Backup], seconds: float) -> tuple[Sample, ...]:
        """Return the samples of each backup. One that is not found out in time has only its configured age.

        Args:
            backups: the configured backups.
            seconds: time limit.
        """
        backups = tuple(dict.fromkeys(backups))
        if not backups:
            return ()
        for backup in backups:
            if backup not in self._looks:
                self._looks[backup] = asyncio.wrap_future(in_thread(partial(_look, backup), "backup"))
        await asyncio.wait([self._looks[backup] for backup in backups], timeout=seconds)
        samples: list[Sample] = []
        for backup in backups:
            if backup.max_age is not None:
                samples.append(c.BACKUP_MAX_AGE(backup.max_age, backup.name))
            samples += self._result(backup, seconds)
        return tuple(samples)

    def _result(self, backup: Backup, seconds: float) -> tuple[Sample, ...]:
        look = self._looks.get(backup)
        if look is None:  # another scrape has just used it
            return ()
        if not look.done():
            if backup not in self._late:
                self._late.add(backup)
                _log.warning("the file system of a backup is slow or hangs", backup=backup.name, seconds=seconds)
            return ()
        del self._looks[backup]
        if backup in self._late:
            self._late.discard(backup)
            _log.info("the file system of a backup answers again", backup=backup.name)
        return look.result()


def _look(backup: Backup) -> tuple[Sample, ...]:
    paths = glob.iglob(str(backup.files))  # noqa: PTH207 - an absolute pattern
    files = [status for path in paths if (status := _status(path)) is not None]
    count = c.BACKUP_FILES(len(files), backup.name)
    if not files:
        return (count,)
    newest = max(files, key=lambda status: status.st_mtime_ns)
    return (
        count,
        c.BACKUP_LAST(newest.st_mtime, backup.name),
        c.BACKUP_LAST_SIZE(newest.st_size, backup.name),
    )


def _status(path: str) -> os.stat_result | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - glob gives text
    except OSError:  # removed meanwhile, or a link to nowhere
        return None
    return status if S_ISREG(status.st_mode) else None
