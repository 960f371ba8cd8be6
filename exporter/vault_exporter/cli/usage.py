"""The exit statuses of all commands, and the group of commands that gives wrong usage its own."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import typer
from typer.core import TyperGroup

from vault_exporter.cli.exit_status import WRONG_USAGE

__all__ = ["EXIT_STATUSES", "Group"]

T = TypeVar("T")

EXIT_STATUSES: Final = (
    "Exit status: 0 done, nothing is wrong; 1 failed, or a warning; 2 critical (status, doctor), or the checkpoint is "
    "in use (serve); 3 wrong options or configuration, nothing was done."
)
(_USAGE_ERROR,) = typer.BadParameter.__bases__
"""Typer has its own copy of click or uses click itself, by its version, and exports only the subclass."""


class Group(TyperGroup):
    """A group of commands that exits with ``WRONG_USAGE`` after wrong options and arguments."""

    def make_context(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - as typer's
        """Read the options before the command's name."""
        return _with_status(lambda: super(Group, self).make_context(*arguments, **options))

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - as typer's
        """Read the options of the command, and run it."""
        return _with_status(lambda: super(Group, self).invoke(ctx))


def _with_status(run: Callable[[], T]) -> T:
    try:
        return run()
    except Exception as error:
        if isinstance(error, _USAGE_ERROR):
            error.exit_code = WRONG_USAGE  # type: ignore[attr-defined]
            error.message = error.message.replace("Value error, ", "", 1)  # type: ignore[attr-defined] # pydantic's
        raise
