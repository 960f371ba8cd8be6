"""The paths that a server does not have, so that they are not requested at every scrape.

Vault writes each refused request to its audit log. On an idle cluster these would be most of the errors in it.
"""

import time
from collections.abc import Callable, Iterable
from typing import Final

from vault_exporter.vault.answer import Answer

__all__ = ["MissingPaths"]

_SECONDS: Final = 3600.0
"""Seconds before a missing path is requested again; docs/configuration.md names it."""
_SYSTEM: Final = "sys/"
"""Only the server's own paths are remembered. Those below a mount change when an operator mounts something else."""
_SERVER_LACKS_IT: Final = (
    "unsupported path",
    "unsupported operation",
    "recovery not supported",  # the seal has no recovery keys
    "recovery rekeying not supported",
)
_STATUSES: Final = frozenset({400, 404, 405})
_MOST: Final = 500
"""Limit of remembered paths."""


class MissingPaths:
    """The responses of one node for paths that its product or version does not have, by path with query."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._answers: dict[str, tuple[float, Answer]] = {}

    def get(self, path: str) -> Answer | None:
        """Return the remembered response; None if the path must be requested."""
        until, answer = self._answers.get(path, (0.0, None))
        if answer is None or self._clock() >= until:
            self._answers.pop(path, None)
            return None
        return answer

    def remember(self, path: str, answer: Answer) -> None:
        """Remember the response if it means that the server does not have the path."""
        if (
            path.startswith(_SYSTEM)
            and answer.status in _STATUSES
            and any(map(answer.says, _SERVER_LACKS_IT))
            and len(self._answers) < _MOST
        ):
            self._answers[path] = (self._clock() + _SECONDS, answer)

    def covers(self, paths: Iterable[str]) -> bool:
        """Return whether all these paths are known to be missing; patterns of a policy among them do not count."""
        missing = {path.partition("?")[0] for path in self._answers}
        plain = [path for path in paths if not path.endswith("*") and "+" not in path.split("/")]
        return bool(plain) and missing.issuperset(plain)

    def forget(self) -> None:
        """Forget all paths, since another server or version may answer now."""
        self._answers.clear()
