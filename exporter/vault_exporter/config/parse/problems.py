"""Problems of the configuration, and their places."""

from typing import NamedTuple

__all__ = ["ConfigError", "Problem"]


class Problem(NamedTuple):
    """One problem. Neither part contains a secret."""

    place: str
    """``conf/vault-exporter.yml:12: targets[1].address``, ``environment: VAULT_ADDR``, or ``--web.listen-address``."""
    message: str
    """What is wrong, and what to do."""

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class ConfigError(Exception):
    """All problems of a configuration; ``str()`` has a line for each."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems
