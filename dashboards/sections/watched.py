"""What the exporter looks after only where its configuration says so: secrets, backups, the canary."""

from typing import Final

from dashboards import style
from dashboards.layout import Section
from dashboards.panels import Column, Panel, state_timeline, table, time_series
from dashboards.queries import Query, by, select
from vault_exporter import catalogue as c

__all__ = ["watched"]

_PER_PATH: Final = "cluster, mount, path"
_FINE: Final = (("no", style.BAD), ("yes", style.GOOD))


def watched() -> Section:
    """Return the section; collapsed, since most of it waits for a configuration."""
    return Section(
        "Secrets, backups and canary", [(8, [_secrets(), _backups()]), (8, [_steps(), _durations()])], collapsed=True
    )


def _secrets() -> Panel:
    return table(
        "Secrets",
        "Secrets that `kv` of the configuration names: whether they are there, how old the current version is, and how "
        "old it may become. Metadata only; what they hold is never read.",
        {
            "mount": Column("Mount"),
            "path": Column("Path"),
            "Value #A": Column("There", states=_FINE),
            "Value #B": Column("Age", unit="s"),
            "Value #C": Column("Rotate after", unit="s"),
            "Value #D": Column("Version"),
        },
        by(_PER_PATH, select(c.KV_EXISTS), "min"),
        f"time() - {by(_PER_PATH, select(c.KV_VERSION_CREATED), 'max')}",
        by(_PER_PATH, select(c.KV_MAX_AGE), "min"),
        by(_PER_PATH, select(c.KV_CURRENT_VERSION), "max"),
        empty="none set",
    )


def _backups() -> Panel:
    return table(
        "Backups",
        "Backups that `backup` of the configuration names: files that match, age and size of the newest, and how old "
        "it may become. No file, no age.",
        {
            "name": Column("Backup"),
            "Value #A": Column("Files", steps=[style.step(style.BAD), style.step(style.GOOD, 1)]),
            "Value #B": Column("Age", unit="s"),
            "Value #C": Column("At most", unit="s"),
            "Value #D": Column("Size", unit="bytes"),
        },
        by("name", select(c.BACKUP_FILES), "max"),
        f"time() - {by('name', select(c.BACKUP_LAST), 'max')}",
        by("name", select(c.BACKUP_MAX_AGE), "min"),
        by("name", select(c.BACKUP_LAST_SIZE), "max"),
        empty="none set",
    )


def _steps() -> Panel:
    return state_timeline(
        "Steps of the canary",
        "Whether the last run could write a secret, read it, and delete it: Vault as its clients see it, storage and "
        "audit devices included.",
        Query(by("cluster, step", select(c.CANARY_SUCCESS), "min"), "{{cluster}} {{step}}"),
        states=(("Failed", style.BAD), ("Worked", style.GOOD)),
    )


def _durations() -> Panel:
    return time_series(
        "Canary duration",
        "How long each step of the last run took.",
        "s",
        Query(by("cluster, step", select(c.CANARY_DURATION), "max"), "{{cluster}} {{step}}"),
    )
