"""When a login is tried again: the pauses, and the jitter that keeps exporters from coming all at once."""

import pytest

from vault_exporter.vault.auth.errors import LoginError, LoginFailure
from vault_exporter.vault.auth.login_backoff import LoginBackoff

DENIED = LoginError(LoginFailure.DENIED, "HTTP 403")


class Backoff(LoginBackoff):
    """One with a clock that the test turns, and a chance that it chooses."""

    def __init__(self, chance: float) -> None:
        self.now = 1000.0
        super().__init__(lambda: self.now, lambda: chance)

    def lasts(self, seconds: float) -> bool:
        """Let a pause of so many seconds pass; return whether it ended then and not before."""
        self.now += seconds - 0.01
        early = self.over
        self.now += 0.02
        return self.over and not early


@pytest.mark.parametrize(("chance", "part"), [(0.0, 1.0), (0.5, 0.95), (1.0, 0.9)])
def test_failed_logins(chance: float, part: float) -> None:
    backoff = Backoff(chance)
    assert backoff.free
    for pause in (5, 10, 20, 40, 80, 160, 300, 300):
        backoff.note_failure(DENIED)
        assert not backoff.free
        assert backoff.lasts(pause * part), pause
        assert backoff.free


@pytest.mark.parametrize(("chance", "part"), [(0.0, 1.0), (0.5, 0.95), (1.0, 0.9)])
def test_tokens_that_are_refused(chance: float, part: float) -> None:
    backoff = Backoff(chance)
    backoff.note_success(3600)
    for pause in (5, 10, 20):
        assert backoff.note_refusal()
        backoff.note_success(3600)
        assert not backoff.note_refusal()
        assert backoff.lasts(pause * part), pause
