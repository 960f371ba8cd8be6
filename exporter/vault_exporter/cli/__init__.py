"""The command line ``vault-exporter``. Each command has its own file; :mod:`vault_exporter.cli.table` lists them.

Nothing else is imported here: a container's health check runs every few seconds, and must not cost much.
"""

import os
import sys
from collections.abc import Callable, Sequence
from functools import partial

from vault_exporter import __version__

__all__ = ["load"]


def load(arguments: Sequence[str]) -> Callable[[], object]:
    """Import what the arguments need, and return what runs them. It takes them from ``sys.argv``."""
    if arguments == ["--version"]:
        return partial(print, f"vault-exporter {__version__}")
    if arguments[:1] == ["healthcheck"]:
        from vault_exporter.cli import probe  # noqa: PLC0415 - only this command needs it

        if (options := probe.read(arguments[1:])) is not None:
            return lambda: sys.exit(probe.check(options) or 0)
    if arguments[:1] == ["serve"]:
        _import_structlog()
        _import_aiohttp()
        from vault_exporter.cli import start  # noqa: PLC0415 - only this command needs it

        if (read := start.read(arguments[1:])) is not None:
            return partial(start.start, *read)
    from vault_exporter.cli.table import assembled  # noqa: PLC0415 - it takes most of the time of a start

    return assembled(arguments)


def _import_structlog() -> None:
    """Import it without what it uses only if it is there.

    rich takes a tenth of a start and is for coloured tracebacks that nobody sees. colorama is for Windows, and greenlet
    for threads that the exporter does not have; they are here if another package of the environment brought them.
    """
    absent = {"colorama", "greenlet", "rich"} - sys.modules.keys()
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]  # an import of None fails
    import structlog  # noqa: F401, PLC0415 - see above

    for name in absent:
        del sys.modules[name]


def _import_aiohttp() -> None:
    """Import it without the trust store, which it would read twice: a sixth of a start, and two megabytes.

    It is for aiohttp's default TLS contexts. ``vault/transport.py`` uses none of them. The system's list of file types,
    a thousand names, is not read either: the exporter serves no files.
    """
    if "aiohttp" in sys.modules:
        return
    import mimetypes  # noqa: PLC0415 - see the head of this file

    mimetypes.init(files=())
    name = "SSL_CERT_FILE"
    given = os.environ.get(name)
    os.environ[name] = os.devnull
    import aiohttp  # noqa: F401, PLC0415 - see above

    if given is None:
        del os.environ[name]
    else:
        os.environ[name] = given
