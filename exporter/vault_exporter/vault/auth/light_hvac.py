"""hvac without requests.

hvac imports requests for the session of its own adapters and for AWS' signature. Our adapter sends through the
exporter's transport, so that for most logins nothing of requests is used, and with urllib3 and its detection of
character sets it takes 5 MB and most of the time of hvac's import.
"""

import contextlib
import sys
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any, Final

__all__ = ["adapters", "api"]

_NAME: Final = "requests"
_PARTS: Final = (_NAME, f"{_NAME}.exceptions")
"""What hvac imports."""


class _Later(ModuleType):
    """Stands for requests in hvac, and imports it on first use."""

    Response: type = object
    """hvac's own adapters have it as an annotation."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - of requests
        _forget()
        return getattr(import_module(_NAME), name)


@contextlib.contextmanager
def _postponed() -> Iterator[None]:
    """Let hvac import the stand-in; everybody else gets requests itself, before and after."""
    if _NAME in sys.modules:
        yield
        return
    sys.modules.update(dict.fromkeys(_PARTS, _Later(_NAME)))
    try:
        yield
    finally:
        _forget()


def _forget() -> None:
    for name in _PARTS:
        if isinstance(sys.modules.get(name), _Later):
            del sys.modules[name]


with _postponed():
    from hvac import adapters, api
