"""Each report against another reading of the same log: plain JSON and dictionaries."""

import contextlib
import csv
import gzip
import io
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.audit.reports import week
from vault_exporter.cli.table import assembled

DATA = Path(__file__).parents[2] / "data" / "audit"
RECORDED = (DATA / "openbao.jsonl", DATA / "operations.jsonl", *sorted((DATA / "versions").iterdir()))
COMPARE = "compare 2026-11-16/2026-11-19 2026-11-19/2026-11-23"
ALL = (
    *("who-used kv/*", "timeline 10.0.1.1", "tokens", "entities", "polling", "hot-paths", "kv", COMPARE),
    "kubernetes",
)
Rows = list[dict[str, Any]]


def run(*arguments: object, status: int = 0, stdin: str | None = None) -> str:
    """Run the command, in one process unless a test says otherwise: a process takes a second to start."""
    jobs = () if "--jobs" in arguments else ("--jobs", "1")
    result = CliRunner().invoke(assembled(["replay"]), ["replay", *map(str, arguments), *jobs], input=stdin)
    assert result.exit_code == status, result.output
    return result.stderr if status else result.stdout


def tables(files: Sequence[Path], *reports: str, more: Sequence[object] = ()) -> dict[str, dict[str, Rows]]:
    asked = [part for report in reports for part in ("--report", report)]
    found = json.loads(run(*files, "--json", *asked, *more))
    return {one["report"]: {name: table["rows"] for name, table in one["tables"].items()} for one in found["reports"]}


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The week in two plain files and a compressed one."""
    folder = tmp_path_factory.mktemp("week")
    lines = week.week()
    third = len(lines) // 3
    paths = [folder / "audit.log.1", folder / "audit.log.2", folder / "audit.log.3.gz"]
    paths[0].write_bytes(b"".join(lines[:third]))
    paths[1].write_bytes(b"".join(lines[third : 2 * third]))
    paths[2].write_bytes(gzip.compress(b"".join(lines[2 * third :])))
    return paths


@pytest.fixture(scope="module")
def found(logs: list[Path]) -> dict[str, dict[str, Rows]]:
    return tables(logs, *ALL)


@pytest.fixture(scope="module")
def uses() -> list[dict[str, Any]]:
    return [entry for entry in map(json.loads, week.week()) if entry["type"] == "response"]


def keyed(rows: Rows, *keys: str) -> dict[Any, dict[str, Any]]:
    made = {row[keys[0]] if len(keys) == 1 else tuple(row[key] for key in keys): row for row in rows}
    assert len(made) == len(rows)
    return made


def path_of(use: dict[str, Any]) -> str:
    request = use["request"]
    return str(request["namespace"].get("path", "") + request["path"])


def who(use: dict[str, Any]) -> str:
    return str(use["auth"].get("entity_id", ""))


def at(use: dict[str, Any]) -> float:
    return datetime.fromisoformat(use["time"]).timestamp()


def test_who_used(found: dict[str, dict[str, Rows]], uses: list[dict[str, Any]]) -> None:
    rows = keyed(found["who-used kv/*"]["clients"], "entity")
    counts: dict[str, Counter[str]] = {}
    for use in uses:
        if path_of(use).startswith("kv/"):
            kind = "denied" if "error" in use else "reads" if use["request"]["operation"] in "read list" else "writes"
            counts.setdefault(who(use), Counter())[kind] += 1
    assert {name: {key: row[key] for key in ("reads", "writes", "denied")} for name, row in rows.items()} == {
        name: {key: count[key] for key in ("reads", "writes", "denied")} for name, count in counts.items()
    }
    mallory = rows["e-mallory"]
    assert (mallory["denied"], mallory["requests"], mallory["addresses"]) == (7, 7, "10.9.9.9")
    assert mallory["paths"] == week.DENIED
    theirs = [at(use) for use in uses if who(use) == "e-mallory"]
    assert (mallory["first"], mallory["last"]) == pytest.approx((min(theirs), max(theirs)))


@pytest.mark.parametrize(
    "subject", ["e-alice", "alice", "10.0.1.1", week.hashed("accessor alice"), week.hashed("token alice")]
)
def test_a_timeline(logs: list[Path], uses: list[dict[str, Any]], subject: str) -> None:
    rows = tables(logs, f"timeline {subject}")[f"timeline {subject}"]
    theirs = [use for use in uses if who(use) == "e-alice"]
    assert [row["request_id"] for row in rows["requests"]] == [use["request"]["id"] for use in theirs]
    assert sum(row["requests"] for row in rows["hours"]) == len(theirs)
    kept = json.loads(run(*logs, "--json", "--report", f"timeline {subject}", "--keep", 10))
    table = kept["reports"][0]["tables"]["requests"]
    assert [row["request_id"] for row in table["rows"]] == [use["request"]["id"] for use in theirs[-10:]]
    assert table["note"].startswith(f"{len(theirs) - 10:,} earlier requests are left out")


def test_tokens(found: dict[str, dict[str, Rows]], uses: list[dict[str, Any]]) -> None:
    rows = keyed(found["tokens"]["tokens"], "accessor")
    counts = Counter(
        use["auth"]["accessor"]
        for use in uses
        if "accessor" in use["auth"] and not use["request"]["path"].endswith("login")
    )
    assert {accessor: row["requests"] for accessor, row in rows.items() if row["requests"]} == counts
    created = week.START + 2 * week.DAY
    batch = rows[week.hashed("accessor batch")]
    assert batch["lookups"] == week.LOOKUPS
    assert batch["renewals"] == 1
    assert batch["excessive_lookups"] == "yes"
    assert (batch["created"], batch["revoked"]) == pytest.approx((created + 0.002, created + 1000.002))
    assert (batch["life"], batch["ttl"]) == pytest.approx((1000, 600))
    assert rows[week.hashed("accessor bob")]["revoked"] == pytest.approx(created + 1500.002)
    assert [row["accessor"] for row in rows.values() if row["excessive_lookups"]] == [batch["accessor"]]
    entities = keyed(found["tokens"]["entities"], "entity")
    assert entities["e-web"]["requests"] == counts[week.hashed("accessor web")]
    assert sum(row["tokens"] for row in entities.values()) == len(rows)


def test_entities(found: dict[str, dict[str, Rows]], uses: list[dict[str, Any]]) -> None:
    rows = keyed(found["entities"]["entities"], "entity")
    counts = Counter(who(use) for use in uses if who(use))
    assert {name: row["requests"] for name, row in rows.items()} == counts
    days = {name: {use["time"][:10] for use in uses if who(use) == name} for name in counts}
    assert {name: row["days"] for name, row in rows.items()} == {name: len(seen) for name, seen in days.items()}
    states = {name: row["state"] for name, row in rows.items()}
    assert states["e-alice"] == states["e-web"] == ""
    assert states["e-bob"] == "gone"
    assert states["e-carol"] == "new"
    assert states["e-dave"] == states["e-mallory"] == "new, gone, short-lived"
    assert rows["e-billing"]["longest_silence"] == 23 * week.HOUR
    mounts = keyed(found["entities"]["mounts"], "mount")
    assert mounts["auth/oidc/"] == {
        "mount": "auth/oidc/",
        "entities": 4,
        "logins": 14,
        "new": 2,
        "gone": 2,
        "short_lived": 1,
    }
    daily = {row["day"]: row["entities"] for row in found["entities"]["days"]}
    assert daily == {
        week.START + day * week.DAY: sum(f"2026-11-{16 + day}" in seen for seen in days.values())
        for day in range(week.DAYS)
    }
    (without,) = found["entities"]["without_entity"]
    assert (without["path"], without["requests"], without["failed"]) == ("auth/kubernetes/login", 7, 7)


def test_polling(found: dict[str, dict[str, Rows]]) -> None:
    rows = keyed(found["polling"]["polling"], "client", "path")
    polled = rows["e-billing", week.POLLED]
    requests = week.DAYS * week.POLLS_A_DAY
    assert polled["requests"] == requests
    assert polled["interval"] == pytest.approx(week.POLL_SECONDS)
    assert (polled["deviation"], polled["burst"]) == pytest.approx((0, 1), abs=0.01)
    seconds = 6 * week.DAY + (week.POLLS_A_DAY - 1) * week.POLL_SECONDS
    assert polled["requests_per_hour"] == pytest.approx((requests - 1) / seconds * week.HOUR)
    assert rows["e-web", "database/creds/web"]["interval"] == pytest.approx(week.HOUR)
    assert {client for client, _ in rows} == {"e-billing", "e-web", "e-batch"}  # people are not regular


def test_hot_paths(found: dict[str, dict[str, Rows]], uses: list[dict[str, Any]]) -> None:
    rows = found["hot-paths"]["paths"]
    counts = Counter(map(path_of, uses))
    assert {row["path"]: row["requests"] for row in rows} == counts
    assert rows[0]["path"] == week.POLLED
    assert (rows[0]["busiest_client"], rows[0]["its_requests"]) == ("e-billing", counts[week.POLLED])
    assert rows[0]["percent"] == pytest.approx(100 * counts[week.POLLED] / len(uses))
    advice = {row["path"]: row["what_would_help"].partition(":")[0] for row in rows if row["what_would_help"]}
    assert advice == {
        week.POLLED: "caching",
        "auth/kubernetes/login": "fewer logins",
        "database/creds/web": "leases",
        "auth/token/lookup-self": "fewer look-ups",
    }
    assert sum(row["requests"] for row in found["hot-paths"]["kinds"]) == len(uses)


def test_kv(found: dict[str, dict[str, Rows]], uses: list[dict[str, Any]]) -> None:
    rows = keyed(found["kv"]["paths"], "path")
    counts = Counter[str]()
    for use in uses:
        if use["request"]["mount_type"] == "kv":
            counts[path_of(use).replace("/data/", "/").replace("/metadata/", "/")] += 1
    assert {path: row["requests"] for path, row in rows.items()} == counts
    assert rows["kv/team/0"]["writes"] == 14
    assert rows["kv/team/"]["lists"] == 14
    assert rows["kv/prod/root"]["failed"] == 7
    assert rows["kv/billing/db"]["number_of_clients"] == "1"
    assert [row["path"] for row in found["kv"]["unread"]] == ["kv/old/key"]
    clients = keyed(found["kv"]["clients"], "client")
    assert clients["e-billing"]["reads"] == week.DAYS * week.POLLS_A_DAY
    assert clients["e-erin"]["paths"] == "team-e/kv/a"


def test_a_comparison(found: dict[str, dict[str, Rows]], uses: list[dict[str, Any]]) -> None:
    middle = week.START + 3 * week.DAY
    readings: tuple[tuple[str, str, Callable[[dict[str, Any]], str]], ...] = (
        ("paths", "path", path_of),
        ("clients", "client", who),
        ("operations", "operation", lambda use: str(use["request"]["operation"])),
        ("errors", "error", lambda use: "permission_denied" if "error" in use else ""),
    )
    for name, key, value in readings:
        before = Counter(value(use) for use in uses if at(use) < middle)
        after = Counter(value(use) for use in uses if at(use) >= middle)
        rows = keyed(found[COMPARE][name], key)
        assert {one: (row["before"], row["after"]) for one, row in rows.items()} == {
            one: (before[one], after[one]) for one in before | after if one
        }
    clients = keyed(found[COMPARE]["clients"], "client")
    assert clients["e-bob"]["state"] == "gone"
    assert clients["e-carol"]["state"] == "new"
    assert clients["e-billing"]["before_per_hour"] == pytest.approx(3 * week.POLLS_A_DAY / 72)


def test_kubernetes(found: dict[str, dict[str, Rows]]) -> None:
    good, bad = found["kubernetes"]["logins"]
    assert (good["role"], good["namespace"], good["service_account"]) == ("web", "shop", "web")
    assert (good["logins"], good["failed"], good["entities"], good["ttl"]) == (7 * 24, 0, "e-web", week.HOUR)
    assert (bad["logins"], bad["failed"], bad["service_account"]) == (7, 7, "")


@pytest.mark.parametrize(
    ("options", "fits"),
    [
        (["--since", "2026-11-18"], lambda use: use["time"] >= "2026-11-18"),
        (["--until", "2026-11-18T12:00:00Z"], lambda use: use["time"] < "2026-11-18T12"),
        (["--path", "kv/data/+/db"], lambda use: path_of(use) == week.POLLED),
        (["--path", "kv/+/team/*"], lambda use: "/team/" in path_of(use) and path_of(use).startswith("kv/")),
        (["--path", "kv/data/+"], lambda _: False),
        (["--client", "alice", "--client", "e-bob"], lambda use: who(use) in {"e-alice", "e-bob"}),
        (
            ["--entity", "e-carol", "--operation", "list"],
            lambda use: who(use) == "e-carol" and path_of(use) == "kv/metadata/team/",
        ),
        (["--namespace", "team-e"], lambda use: who(use) == "e-erin"),
        (["--namespace", "root", "--mount", "kv"], lambda use: path_of(use).startswith("kv/")),
        (["--address", "10.9.9.9"], lambda use: who(use) == "e-mallory"),
        (["--error", "denied"], lambda use: "error" in use),
        (["--error", "none"], lambda use: "error" not in use),
    ],
)
def test_filters(
    logs: list[Path], uses: list[dict[str, Any]], options: list[str], fits: Callable[[dict[str, Any]], bool]
) -> None:
    rows = tables(logs, "hot-paths", more=options)["hot-paths"]["paths"]
    assert {row["path"]: row["requests"] for row in rows} == Counter(path_of(use) for use in uses if fits(use))


def test_files_and_processes_change_nothing(logs: list[Path], tmp_path: Path) -> None:
    whole = tmp_path / "whole.log"
    whole.write_bytes(b"".join(week.week()))
    one = tables([whole], *ALL)
    assert tables(logs, *ALL, more=["--jobs", 1]) == one
    assert tables(logs, *ALL, more=["--jobs", 3]) == one
    assert tables([logs[2], logs[0], logs[1]], *ALL, more=["--jobs", 2]) == one


@pytest.mark.parametrize("how", ["--json", "--csv"])
def test_beyond_the_bounds_processes_change_nothing(logs: list[Path], how: str) -> None:
    asked = [how, "--keep", 10, *(part for report in ALL for part in ("--report", report))]
    one = run(*logs, *asked, "--jobs", 1)
    assert "left out" in one or how == "--csv"  # CSV has no notes
    assert run(*logs, *asked, "--jobs", 3) == one


def test_bounds_are_said(logs: list[Path], uses: list[dict[str, Any]]) -> None:
    said = json.loads(run(*logs, "--json", "--report", "polling", "--report", "hot-paths", "--keep", 10))
    table = said["reports"][1]["tables"]["paths"]
    counts = Counter(map(path_of, uses))
    assert len(counts) < 20  # all paths fit: exact
    assert table["note"] == ""
    noted = said["reports"][0]["tables"]["polling"]["note"]
    assert "requests of keys with few requests are left out" in noted


@pytest.mark.parametrize("log", RECORDED, ids=lambda path: path.name)
def test_recorded_logs(log: Path) -> None:
    found = tables([log], "hot-paths", "who-used *", "kv", "tokens", "entities", "timeline 127.0.0.1")
    entries = [json.loads(line) for line in log.read_bytes().splitlines()]
    answered = [entry for entry in entries if entry["type"] == "response"]
    known = {entry["request"]["id"] for entry in answered if "id" in entry["request"]}
    early = ("rate limit quota exceeded", "wrapping token is not valid or does not exist")
    ended = answered + [
        entry
        for entry in entries
        if entry["type"] == "request"
        and entry["request"].get("id") not in known
        and entry.get("error", "").strip().endswith(early)
    ]
    counts = Counter(
        entry["request"].get("namespace", {}).get("path", "") + entry["request"]["path"] for entry in ended
    )
    assert {row["path"]: row["requests"] for row in found["hot-paths"]["paths"]} == counts
    assert sum(row["requests"] for row in found["who-used *"]["clients"]) == len(ended)
    failed = Counter(
        entry["request"].get("namespace", {}).get("path", "") + entry["request"]["path"]
        for entry in ended
        if entry.get("error") or list((entry.get("response") or {}).get("data") or {}) == ["error"]
    )
    assert {row["path"]: row["failed"] for row in found["hot-paths"]["paths"] if row["failed"]} == failed
    tokens = Counter(
        (entry.get("auth") or {}).get("accessor") or entry["request"].get("client_token_accessor", "")
        for entry in ended
        if not ("/login" in entry["request"]["path"] and "auth" in (entry.get("response") or {}))
    )
    del tokens[""]
    assert {row["accessor"]: row["requests"] for row in found["tokens"]["tokens"] if row["requests"]} == tokens
    addressed = [entry for entry in ended if entry["request"].get("remote_address") == "127.0.0.1"]
    assert len(found["timeline 127.0.0.1"]["requests"]) == len(addressed)


def test_prefixed_lines_are_read_in_full(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    log.write_bytes(b"".join(b"vault: " + line for line in week.week()[:300]))
    bare = tmp_path / "bare.log"
    bare.write_bytes(b"".join(week.week()[:300]))
    assert tables([log], *ALL) == tables([bare], *ALL)


def test_text_and_csv(logs: list[Path]) -> None:
    text = run(*logs, *(part for report in ALL for part in ("--report", report)))
    assert "Who used kv/*" in text
    assert "more rows; --top NUMBER shows more" in text
    rows = list(csv.DictReader(io.StringIO(run(*logs, "--csv", "--report", "who-used kv/data/prod/*"))))
    assert [(row["entity"], row["denied"]) for row in rows] == [("e-mallory", "7")]
    several = run(*logs, "--csv", "--report", "kv", "--report", "polling")
    assert [line for line in several.splitlines() if line.startswith("#")] == [
        *("# kv: paths", "# kv: clients", "# kv: unread", "# polling: polling")
    ]


def test_nothing_of_it_becomes_a_metric(logs: list[Path]) -> None:
    said = run(logs[0], "--metrics", "--report", "kv", status=3)
    assert said == "a report is not for metrics: give either --report or --metrics\n"


def test_a_token_in_a_path_is_not_printed(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    made = week.Writer()
    made.request(week.START, "alice", "read", "kv/hvs.CAESIPlantedPlantedPlanted0123")
    log.write_bytes(b"".join(made.lines()))
    for how in ([], ["--json"], ["--csv"]):
        assert "Planted" not in run(log, *how, *(part for report in ALL for part in ("--report", report)))


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--report", "who"], "--report 'who': 'who' is no report; there are: who-used, timeline, "),
        (["--report", "who-used"], "--report 'who-used': give it as 'who-used PATH'\n"),
        (["--report", "kv all"], "--report 'kv all': kv has no argument\n"),
        (["--report", "compare a b"], "--report 'compare a b': 'a' is no period; give one as "),
        (["--report", "compare 2026-11-02/x 2/3"], "--report 'compare 2026-11-02/x 2/3': 'x' is no time; give one as "),
        (["--report", "kv", "--since", "now"], "--since: 'now' is no time; give one as 2026-11-24 or "),
        (["--report", "kv", "--error", "x"], "--error: 'x' is no class of errors; there are: any, denied, "),
        (["--report", "kv", "--since", "2026-11-02", "--until", "2026-11-01"], "--until is not after --since\n"),
        (["--report", "kv", "--path", "kv/*/a"], "--path: 'kv/*/a': * can only be the last character; + is any one "),
        (["--report", "who-used kv/**"], "--report 'who-used kv/**': 'kv/**': * can only be the last character; "),
        (["--report", "kv", "--operation", "nonsense"], "--operation: 'nonsense' is no operation; there are: alias-"),
        (["--report", "kv", "--address", "999.1.1.1"], "--address: '999.1.1.1' is no IP address; give one as "),
        (["--since", "2026-11-02"], "filters apply to reports only: give a --report, too\n"),
        (["--csv"], "--csv prints reports: give a --report, too\n"),
        (["--report", "timeline @hashed"], "@hashed stands for the hash of a plain value: give --hash-with "),
        (["--hash-with", "file"], "--hash-with: give a --report, too\n"),
    ],
)
def test_errors(logs: list[Path], options: list[str], error: str) -> None:
    assert run(logs[0], *options, status=3).startswith(error)


@pytest.mark.parametrize("mount", ["kv/", "team-e/kv/"], ids=["as Vault writes it", "as OpenBao writes it"])
def test_a_namespace_is_named_once(tmp_path: Path, mount: str) -> None:
    log = tmp_path / "audit.log"
    made = week.Writer()
    for number, secret in enumerate(("password", "passport")):
        made.request(week.START + number, "erin", "read", f"kv/data/{secret}", mount=mount, namespace="team-e/")
    auth = {"accessor": "hmac-sha256:1", "entity_id": "e-erin", "metadata": {"role": "r"}}
    login: dict[str, Any] = {"mount": mount.replace("kv/", "auth/kubernetes/"), "type_": "kubernetes", "auth": auth}
    made.request(
        *(week.START + 2, "erin", "update", "auth/kubernetes/login"), namespace="team-e/", known=False, **login
    )
    log.write_bytes(b"".join(made.lines()))
    found = tables([log], "kv", COMPARE, "kubernetes", "entities")
    assert [row["path"] for row in found["kv"]["paths"]] == ["team-e/kv/passport", "team-e/kv/password"]
    assert [row["path"] for row in found["kv"]["unread"]] == []
    assert {row["mount"] for row in found[COMPARE]["mounts"]} == {"team-e/kv/", "team-e/auth/kubernetes/"}
    assert [row["mount"] for row in found["kubernetes"]["logins"]] == ["team-e/auth/kubernetes/"]
    assert [row["mount"] for row in found["entities"]["mounts"]] == ["team-e/auth/kubernetes/"]
    for options in (["--namespace", "team-e", "--mount", "kv"], ["--mount", "team-e/kv"], ["--mount", "/team-e/kv/"]):
        assert len(tables([log], "kv", more=options)["kv"]["paths"]) == 2
    assert tables([log], "kv", more=["--mount", "team-e"])["kv"]["paths"] == []


def test_a_namespace_of_openbao() -> None:
    log = DATA / "openbao.jsonl"
    for options in (["--namespace", "team", "--mount", "kv"], ["--mount", "team/kv"]):
        (row,) = tables([log], "kv", more=options)["kv"]["paths"]
        assert (row["path"], row["requests"], row["writes"]) == ("team/kv/x", 2, 2)


def test_the_ttl_of_tokens_that_were_created_before(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    made = week.Writer()
    for name in ("alice", "root"):
        made.request(week.START, name, "read", "kv/data/a")
    made.request(week.START, "x", "update", "auth/kubernetes/login", mount="auth/kubernetes/", type_="kubernetes")
    lines = [json.loads(line) for line in made.lines()]
    for entry in lines:
        if entry["auth"]["display_name"] == "alice":
            entry["auth"]["token_ttl"] = 3600
    log.write_text("".join(f"{json.dumps(entry)}\n" for entry in lines))
    rows = keyed(tables([log], "tokens")["tokens"]["tokens"], "name")
    assert (rows["alice"]["ttl"], rows["root"]["ttl"]) == (3600, None)
    assert tables([log], "kubernetes")["kubernetes"]["logins"][0]["ttl"] is None
    said = csv.DictReader(io.StringIO(run(log, "--csv", "--report", "tokens").partition("\n\n")[0].partition("\n")[2]))
    assert {row["name"]: row["ttl"] for row in said} == {"alice": "3600.0", "root": "", "x": ""}


HOSTILE = "\x1b[2J\x9b1m\u202e\u200b\u2028\x7f\U000e0041é"
ESCAPED = r"\x1b[2J\x9b1m\u202e\u200b\u2028\x7f\U000e0041é"


def test_what_clients_write_controls_no_terminal(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    made = week.Writer()
    made.request(week.START, "alice", "read", f"kv/data/{HOSTILE}")
    log.write_bytes(b"".join(made.lines()))
    asked = [part for report in (f"who-used 'kv/data/{HOSTILE}'", "kv", "hot-paths") for part in ("--report", report)]
    text = run(log, *asked)
    assert f"Who used kv/data/{ESCAPED}" in text
    in_csv = run(log, "--csv", *asked)
    assert f"# who-used kv/data/{ESCAPED}: clients\n" in in_csv
    assert f"\nkv/{ESCAPED},1," in in_csv
    in_json = run(log, "--json", *asked)
    assert json.loads(in_json)["reports"][1]["tables"]["paths"]["rows"][0]["path"] == f"kv/{HOSTILE}"
    for said in (text, in_csv, in_json):
        assert all(character.isprintable() or character == "\n" for character in said)
        assert "é" in said


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        *((f"{first}cmd()", f"'{first}cmd()") for first in "=+-@"),
        *(("\t=cmd()", r"'\t=cmd()"), ("\r=cmd()", r"'\r=cmd()"), ("-1+2", "'-1+2"), ("=1", "'=1")),
        *(("-12", "-12"), ("+1.5e3", "+1.5e3"), ("a=b", "a=b")),
    ],
)
def test_csv_has_no_formula(tmp_path: Path, name: str, cell: str) -> None:
    log = tmp_path / "audit.log"
    made = week.Writer()
    made.request(week.START, name, "read", "kv/data/a")
    log.write_bytes(b"".join(made.lines()))
    (row,) = csv.DictReader(io.StringIO(run(log, "--csv", "--report", "who-used *")))
    assert row["name"] == cell
    changes = run(log, "--csv", "--report", "compare 2026-11-16/2026-11-17 2026-11-18/2026-11-19")
    assert "kv/data/a,1,0,0.041666666666666664,0.0,-0.041666666666666664,gone\n" in changes


@pytest.mark.parametrize("how", [[], ["--csv"], ["--json"]], ids=str)
def test_what_is_not_in_a_report_is_said(tmp_path: Path, how: list[str]) -> None:
    made = week.Writer()
    made.request(week.START, "alice", "read", "kv/data/a")
    lines = list(made.lines())
    names = good, bad, server, empty, excluded = [tmp_path / name for name in ("good", "bad", "server", "empty", "own")]
    good.write_bytes(b"".join(lines))
    bad.write_bytes(b"".join([*lines, b"{no json\n", b'{"a":1}\n', b"x" * 5000 + b"\n"]))
    server.write_bytes(b"\x1b[1m2026-11-24T12:00:00.000Z [INFO]  core: post-unseal setup starting\n" * 3)
    empty.touch()
    alone = week.Writer()
    alone.request(week.START, "own", "read", "kv/data/a")
    excluded.write_bytes(b"".join(alone.lines()))
    config = tmp_path / "config.yaml"
    config.write_text("audit: {max_line_bytes: 4KiB, exclude: {entity_ids: [e-own]}}\n")
    arguments = ["replay", *map(str, names), "--report", "kv", *how, "--config", str(config), "--jobs", "1"]
    result = CliRunner().invoke(assembled(["replay"]), arguments)
    assert result.exit_code == 0
    assert result.stderr.splitlines() == [
        f"{bad}: 3 rejected lines are not in the reports: 1 not_an_entry, 1 not_json, 1 too_long",
        f"{server}: no audit entry in it; is it the server's log?",
        f"{empty}: empty",
    ]
    if how == ["--json"]:
        found = json.loads(result.stdout)
        assert found["rejected"] == {"not_json": 1, "not_an_entry": 1, "too_long": 1}
        assert [(file["name"], sum(file["rejected"].values())) for file in found["files"]] == [
            *((str(good), 0), (str(bad), 3), (str(server), 0), (str(empty), 0), (str(excluded), 0)),
        ]


def test_a_report_names_a_damaged_file(logs: list[Path], tmp_path: Path) -> None:
    cut = tmp_path / "cut.gz"
    cut.write_bytes(logs[2].read_bytes()[:-100])
    arguments = ["replay", *map(str, (logs[0], cut)), "--json", "--report", "kv", "--jobs", "1"]
    result = CliRunner().invoke(assembled(["replay"]), arguments)
    assert result.exit_code == 1
    (_, file) = json.loads(result.stdout)["files"]
    assert file["problem"]
    assert result.stderr == f"{cut}: {file['problem']}\n"


def test_rates_are_of_the_whole_period(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    made = week.Writer()
    for number in range(3):
        made.request(week.START + number / 1000, "alice", "read", "kv/data/a")
        made.login(week.START + number / 1000, "web", "kubernetes", "kubernetes", role="web")
    log.write_bytes(b"".join(made.lines()))
    found = tables([log], "hot-paths", "kubernetes")
    assert {row["requests_per_hour"] for row in found["hot-paths"]["paths"]} == {None}
    assert [row["logins_per_hour"] for row in found["kubernetes"]["logins"]] == [None]
    made.request(week.START + 2 * week.HOUR, "bob", "read", "kv/data/b")
    log.write_bytes(b"".join(made.lines()))
    found = tables([log], "hot-paths", "kubernetes", more=["--path", "kv/data/a", "--path", "auth/*"])
    rates = {row["path"]: row["requests_per_hour"] for row in found["hot-paths"]["paths"]}
    assert rates == {"kv/data/a": pytest.approx(1.5), "auth/kubernetes/login": pytest.approx(1.5)}
    assert [row["logins_per_hour"] for row in found["kubernetes"]["logins"]] == [pytest.approx(1.5)]


def test_the_type_of_a_mount_that_cannot_be_guessed_is_empty(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    made = week.Writer()
    made.request(week.START, "alice", "read", "team/data/a", mount="", type_="")
    made.request(week.START, "alice", "read", "other/a", mount="", type_="")
    made.request(week.START, "alice", "read", "team/data/a", mount="team/", type_="kv")
    log.write_bytes(b"".join(made.lines()))
    rows = keyed(tables([log], "hot-paths")["hot-paths"]["paths"], "path")
    assert {path: row["mount_type"] for path, row in rows.items()} == {"team/data/a": "kv", "other/a": ""}


@pytest.mark.parametrize(
    ("report", "options", "passed"),
    [
        ("who-used nobody/*", [], ""),
        ("kv", ["--since", "2027-01-01"], "; the filters let none of them through"),
        (
            "kv",
            ["--until", "2026-11-17", "--entity", "e-web", "--operation", "read"],
            "; the filters let 24 of them through",
        ),
    ],
)
@pytest.mark.parametrize("how", [[], ["--csv"], ["--json"]], ids=str)
def test_nothing_found_says_in_what(
    logs: list[Path], uses: list[dict[str, Any]], how: list[str], report: str, options: list[str], passed: str
) -> None:
    arguments = ["replay", *map(str, logs), "--report", report, *options, *how, "--jobs", "1"]
    result = CliRunner().invoke(assembled(["replay"]), arguments)
    assert result.exit_code == 0
    said = f"nothing found in {len(uses):,} requests, from 2026-11-16 00:00:07 to 2026-11-22 23:00:08 UTC{passed}"
    if how:
        assert result.stderr == f"{report}: {said}\n"
    else:
        assert said in " ".join(result.stdout.split())
    if how == ["--json"]:
        looked = json.loads(result.stdout)["looked"]
        assert looked["requests"] == len(uses)
        assert looked["period"] == {"first": pytest.approx(at(uses[0])), "last": pytest.approx(at(uses[-1]))}


def test_an_address_may_be_written_in_another_way(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    made = week.Writer()
    made.request(week.START, "alice", "scan", "kv/metadata/a")
    log.write_bytes(b"".join(made.lines()).replace(week.ADDRESS["alice"].encode(), b"2001:db8::7"))
    (row,) = tables([log], "kv", more=["--address", "2001:DB8:0::7"])["kv"]["paths"]
    assert (row["requests"], row["lists"]) == (1, 1)


def test_a_row_is_one_line_in_a_pipe(logs: list[Path], found: dict[str, dict[str, Rows]]) -> None:
    lines = run(*logs, "--report", "who-used kv/*").splitlines()
    rows = [line for line in lines if line.startswith("│")]
    assert len(rows) == len(found["who-used kv/*"]["clients"])
    assert all(row["paths"] in line for row, line in zip(found["who-used kv/*"]["clients"], rows, strict=True))


def on_terminal(width: int, *arguments: object) -> str:
    """Run the command in a terminal, and return what it shows, without colours."""
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "vault_exporter", "replay", *map(str, arguments), "--jobs", "1"]
    environment = {**os.environ, "COLUMNS": str(width), "TERM": "xterm", "PYTHONIOENCODING": "utf-8"}
    with subprocess.Popen(command, stdout=theirs, stderr=subprocess.DEVNULL, env=environment) as process:
        os.close(theirs)
        said = b""
        with contextlib.suppress(OSError):  # the end of what a terminal shows
            while block := os.read(ours, 65_536):
                said += block
        os.close(ours)
    assert process.returncode == 0
    return re.sub(r"\x1b\[[0-9;]*m|\r", "", said.decode())


def test_wide_tables_on_a_narrow_terminal(logs: list[Path]) -> None:
    text = on_terminal(80, *logs, "--report", "who-used kv/data/prod/*", "--report", "hot-paths", "--top", 2)
    assert max(map(len, text.splitlines())) <= 80
    lines = [line.rstrip() for line in text.splitlines()]
    assert lines[:4] == [
        "Who used kv/data/prod/*",
        "Name       mallory",
        "Entity     e-mallory",
        "Client     e-mallory",
    ]
    second = lines[lines.index("Busiest paths") :]
    assert second[1:3] == ["Path               kv/data/billing/db", "Mount type         kv"]
    assert "" in second[: second.index("Path               auth/kubernetes/login")]
    assert any(line.startswith("┃ Kind") for line in lines)  # what fits is a table
    wide = on_terminal(250, *logs, "--report", "who-used kv/data/prod/*")
    assert wide.splitlines()[2].startswith("┃ Name")
