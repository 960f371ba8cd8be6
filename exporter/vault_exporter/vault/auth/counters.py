"""How many logins and renewals of a target's token there were, and why those failed that did."""

from collections import Counter
from collections.abc import Iterator

from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.vault.auth.errors import LoginFailure

__all__ = ["LoginCounters"]


class LoginCounters:
    """Counters for as long as the target is scraped.

    Attributes:
        logins: logins that were tried.
        login_failures: those that failed, by reason.
        renewals: renewals that were tried.
        renewal_failures: those that failed, by reason.
    """

    def __init__(self) -> None:
        self.logins = 0
        self.login_failures: Counter[LoginFailure] = Counter()
        self.renewals = 0
        self.renewal_failures: Counter[LoginFailure] = Counter()

    def samples(self) -> Iterator[Sample]:
        """Yield the counters, with every reason."""
        yield c.TOKEN_RENEWALS(self.renewals)
        yield c.LOGINS(self.logins)
        for failure in LoginFailure:
            yield c.TOKEN_RENEWAL_FAILURES(self.renewal_failures[failure], failure)
            yield c.LOGIN_FAILURES(self.login_failures[failure], failure)
