"""The states of one alert over its evaluations, as Prometheus' rule manager keeps them."""

from collections.abc import Iterable, Iterator

import msgspec

from vault_exporter.diagnose.backtest.labels import Labels

__all__ = ["Firing", "States"]


class Firing(msgspec.Struct, frozen=True):
    """One alert from the evaluation that it fires at until the one that it no longer does. Times are milliseconds."""

    labels: Labels
    start: int
    end: int
    """The end of the backtest for an alert that still fires then."""
    open: bool = False
    """Whether it still fires at the end."""


class _Active(msgspec.Struct):
    since: int
    fired: int | None = None
    kept_since: int | None = None


class States:
    """One alert rule. Evaluations come in the order of time."""

    def __init__(self, wait: int, keep: int) -> None:
        """Begin with no active alert.

        Args:
            wait: ``for``, in milliseconds.
            keep: ``keep_firing_for``, in milliseconds.
        """
        self._wait, self._keep = wait, keep
        self._active: dict[Labels, _Active] = {}
        self._ended: list[Firing] = []

    def __len__(self) -> int:
        """Return how many alerts have fired, or are pending."""
        return len(self._active) + len(self._ended)

    @property
    def idle(self) -> bool:
        """Whether nothing is pending or firing, so that evaluations with no result change nothing."""
        return not self._active

    def evaluate(self, time: int, result: Iterable[Labels]) -> None:
        """Take the result of one evaluation."""
        there = set(result)
        for labels in there:
            self._active.setdefault(labels, _Active(time))
        for labels, alert in list(self._active.items()):
            if labels in there:
                alert.kept_since = None
            elif not self._is_kept(alert, time):
                del self._active[labels]
                if alert.fired is not None:
                    self._ended.append(Firing(labels, alert.fired, time))
                continue
            if alert.fired is None and time - alert.since >= self._wait:
                alert.fired = time

    def firings(self, end: int) -> Iterator[Firing]:
        """Yield everything that fired, by the end."""
        yield from self._ended
        for labels, alert in self._active.items():
            if alert.fired is not None:
                yield Firing(labels, alert.fired, end, open=True)

    def _is_kept(self, alert: _Active, time: int) -> bool:
        if alert.fired is None or not self._keep:
            return False
        if alert.kept_since is None:
            alert.kept_since = time
        return time - alert.kept_since < self._keep
