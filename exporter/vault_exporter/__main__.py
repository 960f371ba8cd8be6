"""Where the command starts: it takes the signals before it loads the rest, which takes most of a second."""

import gc
import os
import signal
import sys
from types import FrameType

__all__ = ["main"]


def main() -> None:
    """Run the command line.

    Until ``serve`` has its event loop there is nothing to stop in good order, and a signal to stop ends it at once, as
    well as later. It has not read its configuration yet, either, so that one to read it anew asks for nothing.
    Other commands are ended by their signals as any program is; before they have begun, without a traceback. A second
    Ctrl-C ends them at once: Python would print a traceback for it while it cleans up after the first.
    """
    serving = sys.argv[1:2] == ["serve"]
    stopping = (signal.SIGINT, signal.SIGTERM)

    def leave(number: int, _: FrameType | None) -> None:
        os._exit(0 if serving else 128 + number)

    def interrupt(number: int, frame: FrameType | None) -> None:
        signal.signal(number, leave)
        signal.default_int_handler(number, frame)

    previous = [signal.signal(number, leave) for number in stopping]
    if serving:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    # What is imported stays, so that looking through it for garbage only takes time: a tenth of a start.
    gc.disable()
    from vault_exporter.cli import load  # noqa: PLC0415 - see above

    run = load(sys.argv[1:])
    if serving:
        gc.collect()  # once, for half a megabyte: dataclasses with slots are made of classes that nobody needs then
    gc.freeze()
    gc.enable()
    if not serving:
        for number, handler in zip(stopping, previous, strict=True):
            signal.signal(number, interrupt if handler is signal.default_int_handler else handler)
    try:
        run()
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


if __name__ == "__main__":
    main()
