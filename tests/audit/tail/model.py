"""Running a model of histories."""

from pathlib import Path
from typing import Final

import structlog
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

MEMORY: Final = Path("/dev/shm")  # noqa: S108 - each history has a directory of its own in it
STEPS: Final = 14


def run(machine: type[RuleBasedStateMachine], examples: int, *, derandomize: bool = True) -> None:
    """Try histories: the same ones each time, so that one that fails does so again, or other ones."""
    with structlog.testing.capture_logs():
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=examples,
                stateful_step_count=STEPS,
                deadline=None,
                database=None,
                derandomize=derandomize,
                phases=(Phase.generate, Phase.shrink),
                suppress_health_check=list(HealthCheck),
            ),
        )
