"""What the exporter looks after only where its configuration says so: secrets, backups, credentials, the canary."""

from typing import Any, Final

from dashboards import style
from dashboards.layout import Section
from dashboards.panels import Column, Panel, state_timeline, table, time_series
from dashboards.queries import Query, by, if_active, select
from vault_exporter.metrics import catalogue as c

__all__ = ["credentials", "watched"]

_PER_PATH: Final = "cluster, mount, path"
_PER_ISSUER: Final = "cluster, mount, issuer"
_PER_ROLE: Final = "cluster, mount, role"
_FINE: Final = (("no", style.BAD), ("yes", style.GOOD))


def watched() -> Section:
    """Return the section; collapsed, since most of it waits for a configuration."""
    return Section(
        "Secrets, backups and canary", [(9, [_secrets(), _backups()]), (9, [_steps(), _durations()])], collapsed=True
    )


def credentials() -> Section:
    """Return certificates and credentials of others; collapsed, likewise."""
    return Section(
        "PKI and credentials",
        [(9, [_issuers(), _certificates()], (14, 10)), (9, [_logins(), _rotations()])],
        collapsed=True,
    )


def _issuers() -> Panel:
    return table(
        "PKI issuers",
        "Issuers of the PKI engines that `pki` of the configuration names: when each expires, when its list of revoked "
        "certificates (CRL) does, and how many are on it.",
        {
            "mount": Column("Mount"),
            "issuer": Column("Issuer", width=310),
            "Value #A": Column("Expires in", unit="s", steps=_expiry(30), width=95),
            "Value #B": Column("CRL expires in", unit="s", steps=_expiry(1), width=120),
            "Value #C": Column("Revoked", width=85),
        },
        f"{by(_PER_ISSUER, if_active(c.PKI_ISSUER_NOT_AFTER), 'min')} - time()",
        f"{by(_PER_ISSUER, if_active(c.PKI_CRL_NEXT_UPDATE), 'min')} - time()",
        by(_PER_ISSUER, if_active(c.PKI_CRL_REVOKED), "max"),
        empty="none set",
    )


def _certificates() -> Panel:
    return time_series(
        "Certificates by expiry",
        "Certificates that the PKI engines issued, by the time that they are still valid.",
        "short",
        Query(by("mount, expires_in", if_active(c.PKI_CERTIFICATES)), "{{mount}} {{expires_in}}"),
        stacked=True,
    )


def _logins() -> Panel:
    return table(
        "Secret-ids and tokens",
        "Secret-ids of the AppRoles that `approle` names: how many there are, and when the first expires. Tokens that "
        "`watched_tokens` names: whether they are there, and when they expire.",
        {
            "mount": Column("Mount"),
            "role": Column("Role"),
            "name": Column("Token"),
            "Value #A": Column("Secret-ids", width=95),
            "Value #B": Column("Next expiry", unit="s", steps=_expiry(7)),
            "Value #C": Column("There", states=_FINE),
            "Value #D": Column("Valid for", unit="s", steps=_expiry(7)),
        },
        by(_PER_ROLE, if_active(c.APPROLE_SECRET_IDS), "max"),
        f"{by(_PER_ROLE, if_active(c.APPROLE_NEXT_EXPIRY), 'min')} - time()",
        by("cluster, name", if_active(c.WATCHED_TOKEN_EXISTS), "min"),
        f"{by('cluster, name', if_active(c.WATCHED_TOKEN_EXPIRY), 'min')} - time()",
        empty="none set",
    )


def _rotations() -> Panel:
    return table(
        "Static database roles",
        "Static roles that `database` of the configuration names: how long ago their passwords were rotated, and when "
        "they are next.",
        {
            "mount": Column("Mount"),
            "role": Column("Role"),
            "Value #A": Column("Rotated before", unit="s"),
            "Value #B": Column("Next in", unit="s", steps=[style.step(style.BAD), style.step(style.GOOD, 0)]),
        },
        f"time() - {by(_PER_ROLE, if_active(c.DATABASE_LAST_ROTATION), 'max')}",
        f"{by(_PER_ROLE, if_active(c.DATABASE_NEXT_ROTATION), 'min')} - time()",
        empty="none set",
    )


def _expiry(days: int) -> list[dict[str, Any]]:
    """Colour what expires: a warning from so many days before, bad once it has."""
    return [style.step(style.BAD), style.step(style.WARN, 0), style.step(style.GOOD, days * 86400)]


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
        by(_PER_PATH, if_active(c.KV_EXISTS), "min"),
        f"time() - {by(_PER_PATH, if_active(c.KV_VERSION_CREATED), 'max')}",
        by(_PER_PATH, if_active(c.KV_MAX_AGE), "min"),
        by(_PER_PATH, if_active(c.KV_CURRENT_VERSION), "max"),
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
        Query(by("cluster, step", if_active(c.CANARY_SUCCESS), "min"), "{{cluster}} {{step}}"),
        states=(("Failed", style.BAD), ("Worked", style.GOOD)),
    )


def _durations() -> Panel:
    return time_series(
        "Canary duration",
        "How long each step of the last run took.",
        "s",
        Query(by("cluster, step", if_active(c.CANARY_DURATION), "max"), "{{cluster}} {{step}}"),
    )
