"""Two faults of the matrix, end to end; `make faults` tries all."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import trial
from tests.faults.faults import FAULTS, Fault
from tests.faults.lab import Lab, running
from tests.faults.scaled import Pace, scale
from tests.lab.waiting import PATIENCE
from vault_exporter.assets import alert_rules

ROOT = Path(__file__).parents[2]
QUICK = ("root token used", "one standby killed")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    # Leadership does not move here, so nothing has to wait for it.
    with running(tmp_path_factory.mktemp("faults"), Pace()) as lab:
        yield lab


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.name in QUICK], ids=lambda fault: fault.name)
def test_the_right_ones_are_told(lab: Lab, fault: Fault) -> None:
    outcome = trial.run(lab, fault)
    assert (outcome.missed, outcome.false) == (frozenset(), frozenset())
    assert outcome.incidents == len(fault.pages)
    for event in outcome.events:
        _is_good_to_read_at_night(event, lab)
    last = {event["dedup_key"]: event["event_action"] for event in outcome.events}
    events = {event["dedup_key"] for event in outcome.events if trial.is_of_an_event(event)}
    assert last == {key: "trigger" if key in events else "resolve" for key in last}, "the last of each incident"
    assert bool(events) == (fault.name == "root token used")


def _is_good_to_read_at_night(event: trial.Json, lab: Lab) -> None:
    page = event["payload"]
    name = page["class"]
    said = rf"{name} prod: [A-Z][^{{}}]+\. \d+( of \d+ node| instance)s?: (n[123]|exporter)(, n[123])*\."
    assert re.fullmatch(said, page["summary"]), page["summary"]
    assert len(page["summary"]) < 200
    assert page["severity"] == "critical"
    assert page["source"] in {"n1", "n2", "n3", "exporter", "prod"}
    assert [link["text"] for link in event["links"]] == ["Runbook", "Dashboard"]
    assert event["links"][0]["href"].endswith(f"/runbooks/{name}")
    assert re.fullmatch(r"http://grafana/d/vault-[a-z]+\?var-cluster=prod", event["links"][1]["href"])
    assert re.fullmatch(r"[0-9a-f]{64}", event["dedup_key"])
    text = json.dumps(event)
    for secret in (lab.made.admin, lab.made.app, lab.cluster.root_token, *lab.cluster.keys):
        assert secret not in text
    # Neither a path, nor who it was, nor from where.
    assert not re.search(r"sys/|auth/|app/|display_name|accessor|userpass|127\.0\.0\.1:\d+/v1", text)


def test_the_target_sees_to_its_programs() -> None:
    plan = subprocess.run(["make", "-n", "faults"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    (line,) = (line for line in plan.splitlines() if "scripts/debian-packages" in line)
    for program in ("prometheus", "prometheus-alertmanager", "initdb"):
        assert f"{program}:" in line
    assert plan.index(line) < plan.index("tests.faults")


def _faults(*words: str) -> subprocess.CompletedProcess[str]:
    arguments = [sys.executable, "-m", "tests.faults", *words]
    return subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE)


@pytest.mark.parametrize("words", [["no such fault"], ["sealed", "no such fault"]])
def test_a_word_that_fits_no_fault_lists_the_names(words: list[str]) -> None:
    run = _faults(*words)
    assert (run.returncode, run.stderr) == (2, "")
    first, *names = run.stdout.splitlines()
    assert first == "No fault has 'no such fault' in its name. The faults are:"
    assert [name.strip() for name in names] == [fault.name for fault in FAULTS]


def test_the_example_of_the_help_fits() -> None:
    usage = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    (word,) = re.findall(r'make faults .*\(ARGS="(.*)" tries some\)', usage)
    assert any(word in fault.name for fault in FAULTS)


def test_durations_are_scaled() -> None:
    text = "for: 1m\nexpr: rate(x[30m]) > 5 and y offset 2h and z[1m]\n"
    assert scale(text, Pace(20, 8, 15)) == "for: 8s\nexpr: rate(x[90s]) > 5 and y offset 360s and z[15s]\n"


def test_steps_of_subqueries_are_scaled() -> None:
    text = "max_over_time(x[30m:15s]) or max_over_time((rate(y[5m:1m]))[1d:5m])"
    assert scale(text, Pace(5, 8, 15)) == "max_over_time(x[360s:3s]) or max_over_time((rate(y[60s:12s]))[17280s:60s])"


@pytest.mark.parametrize("literal", sorted({literal for fault in FAULTS for literal in fault.literals}))
def test_a_threshold_is_changed_whole(literal: str) -> None:
    text = "".join(path.read_text() for path in alert_rules())
    assert literal in text
    assert not re.search(rf"{re.escape(literal)}[\d.]", text), "another threshold begins like it"


def test_every_fault_says_who_is_told() -> None:
    names = [path.stem for path in (ROOT / "alerts" / "runbooks").iterdir()]
    assert {page for fault in FAULTS for page in fault.pages} <= set(names)
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
