"""The exit statuses of the commands."""

from typing import Final

__all__ = ["FAILED", "IN_USE", "WRONG_USAGE"]

FAILED: Final = 1
IN_USE: Final = 2
"""Exit status if another exporter uses the checkpoint, so that a restart does not help."""
WRONG_USAGE: Final = 3
"""Exit status of wrong options, arguments and configurations; 2 is critical, as in monitoring plugins."""
