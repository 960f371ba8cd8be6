"""What is wrong with the configuration, and where."""

from typing import NamedTuple

__all__ = ["ConfigError", "Problem"]


class Problem(NamedTuple):
    """One mistake. Neither part ever holds a secret's value."""

    place: str
    """``vault-exporter.yml:12: targets[1].address``, ``environment: VAULT_ADDR``, or ``--web.listen-address``."""
    message: str
    """What is wrong, and what to do."""

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class ConfigError(Exception):
    """Everything that is wrong, at once; ``str()`` has a line for each problem."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems
