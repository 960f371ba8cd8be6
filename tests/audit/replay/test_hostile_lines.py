"""Lines that no Vault writes: they cost themselves only, and steer no terminal."""

import json
from pathlib import Path

import pytest

from tests.audit.replay.test_replay import run

STEERING = "a\x1b[31m\x9b31m\u202e"


def line(path: str, time: str) -> str:
    request = {"id": f"{time}{path}", "operation": "read", "path": path}
    auth = {"entity_id": "e1", "display_name": STEERING}
    return f"{json.dumps({'type': 'request', 'time': time, 'auth': auth, 'request': request})}\n"


@pytest.mark.parametrize("how", [(), ("--report", "hot-paths"), ("--report", "timeline e1"), ("--report", "tokens")])
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_times_beyond_the_calendar(tmp_path: Path, how: tuple[str, ...], form: tuple[str, ...]) -> None:
    log = tmp_path / "audit.log"
    times = ("2026-11-29T14:00:00Z", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59")
    log.write_text("".join(line(STEERING, time) for time in times))
    said = run(*how, *form, log)
    if not form and not how:
        assert "9999-12-31 23:59:59 UTC" in said
    assert all(character.isprintable() for character in said.replace("\n", ""))
    if form:
        assert json.loads(said)
