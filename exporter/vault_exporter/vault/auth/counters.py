"""Counters of the logins and renewals of a target's token."""

from collections import Counter
from collections.abc import Iterator

from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.vault.auth.errors import LoginFailure

__all__ = ["LoginCounters"]


class LoginCounters:
    """Counters over the lifetime of the target's scraper.

    Attributes:
        logins: attempted logins.
        login_failures: failed logins by reason.
        renewals: attempted renewals.
        renewal_failures: failed renewals by reason.
    """

    def __init__(self) -> None:
        self.logins = 0
        self.login_failures: Counter[LoginFailure] = Counter()
        self.renewals = 0
        self.renewal_failures: Counter[LoginFailure] = Counter()

    def samples(self) -> Iterator[Sample]:
        """Yield the counters, with a sample for every reason."""
        yield c.TOKEN_RENEWALS(self.renewals)
        yield c.LOGINS(self.logins)
        for failure in LoginFailure:
            yield c.TOKEN_RENEWAL_FAILURES(self.renewal_failures[failure], failure)
            yield c.LOGIN_FAILURES(self.login_failures[failure], failure)
