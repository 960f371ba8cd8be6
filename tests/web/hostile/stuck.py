"""The exporter, with a configuration that hangs when it is read again, and an event loop that hangs on SIGUSR1.

Run: ``python stuck.py PIPE CONFIG``. Nobody writes to the pipe.
"""

import os
import signal
import sys
from pathlib import Path

from vault_exporter.checks import Flags, load
from vault_exporter.config.schema.model import Config
from vault_exporter.serve import run
from vault_exporter.util import logging as logs


def main(pipe: str, path: str) -> None:
    def hang(*_: object) -> None:
        sys.stderr.write("event=hanging\n")
        sys.stderr.flush()
        os.close(os.open(pipe, os.O_RDONLY))

    def read() -> Config:
        hang()
        return config

    logs.configure(logs.LogFormat.LOGFMT, logs.LogLevel.INFO)
    config = load(Path(path), Flags(), os.environ)
    signal.signal(signal.SIGUSR1, hang)
    run(config, read)


if __name__ == "__main__":
    main(*sys.argv[1:])
