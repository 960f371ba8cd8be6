"""What the pages know of the exporter itself."""

import msgspec

__all__ = ["Reload"]


class Reload(msgspec.Struct, frozen=True):
    """The last reading of the configuration. Times are Unix times in seconds."""

    successful: bool
    tried: float
    last_success: float
    problems: tuple[str, ...] = ()
    """What is wrong with the file; empty if it is in force."""
    restart: tuple[str, ...] = ()
    """Keys whose change takes a restart."""
