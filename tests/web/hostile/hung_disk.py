"""The exporter on a disk that stops to answer: after SIGUSR1, ``fsync`` never returns.

Run: ``python hung_disk.py PIPE CONFIG``. Nobody writes to the pipe.
"""

import os
import signal
import sys
import threading
from pathlib import Path


def main(pipe: str, path: str) -> None:
    hangs, fsync = threading.Event(), os.fsync

    def hang(descriptor: int) -> None:
        if not hangs.is_set():
            fsync(descriptor)
            return
        sys.stderr.write("event=hanging\n")
        sys.stderr.flush()
        os.close(os.open(pipe, os.O_RDONLY))

    os.fsync = hang  # type: ignore[assignment]
    # Only now, since a default argument is os.fsync as it is when a module is imported.
    from vault_exporter.checks import Flags, load  # noqa: PLC0415
    from vault_exporter.serve import run  # noqa: PLC0415
    from vault_exporter.util import logging as logs  # noqa: PLC0415

    signal.signal(signal.SIGUSR1, lambda *_: hangs.set())
    logs.configure(logs.LogFormat.LOGFMT, logs.LogLevel.INFO)
    config = load(Path(path), Flags(), {})
    run(config, lambda: config)


if __name__ == "__main__":
    main(*sys.argv[1:])
