"""Who asked for what, from lines: counted within the window and the bounds, the same in one process and in several."""

import pickle
from collections.abc import Callable
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from vault_exporter.audit.count.pipeline import Observer, Pipeline, PipelineSettings
from vault_exporter.audit.top.labels import ClientObserver, PathObserver
from vault_exporter.audit.top.sketches import TopObserver

NOW = 1_795_521_600.0
HOUR = 3600.0
TOKEN = "hvs.CAESIPlantedPlantedPlantedPlanted"


def line(
    path: str = "secret/data/a",
    *,
    kind: str = "request",
    client: str = "c1",
    name: str = "token",
    entity: str = "e1",
    address: str = "192.0.2.1",
    at: float = NOW,
    error: str = "",
    operation: str = "read",
) -> bytes:
    time = datetime.fromtimestamp(at, UTC).isoformat()
    failure = f',"error":"{error}"' if error else ""
    return (
        f'{{"time":"{time}","type":"{kind}","auth":{{"display_name":"{name}","entity_id":"{entity}",'
        f'"client_token":"{TOKEN}"}},"request":{{"id":"{path}-{at}","client_id":"{client}","operation":"{operation}",'
        f'"mount_type":"kv","mount_point":"secret/","path":"{path}","remote_address":"{address}",'
        f'"client_token":"{TOKEN}"}}{failure}}}\n'
    ).encode()


def pipeline(*observers: Observer) -> Pipeline:
    return Pipeline(PipelineSettings(), observers)


def samples(made: Pipeline, *names: str) -> dict[tuple[str, ...], float]:
    return {
        (sample.family.name.removeprefix("vault_audit_"), *sample.labels): sample.value
        for observer in made.observers
        for sample in observer.samples()
        if not names or sample.family.name in names
    }


def fixed() -> float:
    return NOW


def who(clock: Callable[[], float] = fixed, tracked: int = 10) -> TopObserver:
    return TopObserver(HOUR, tracked, clock)


def test_different_ones_are_counted_and_ranked() -> None:
    observer = who()
    made = pipeline(observer)
    for number in range(6):
        lines = [line(f"secret/data/{number}", client=f"c{number % 3}", name=f"n{number % 3}", entity=f"e{number % 2}")]
        made.feed("log", lines * (number + 1))
        made.feed("log", [line(f"secret/data/{number}", kind="response")])
    assert samples(made) == {
        ("distinct_clients",): 3,
        ("distinct_entities",): 2,
        ("distinct_addresses",): 1,
        ("distinct_window_seconds",): HOUR,
    }
    top = observer.top(2)
    assert [(one.value, one.name, one.at_least, one.at_most) for one in top.clients] == [
        ("c2", "n2", 9, 9),
        ("c1", "n1", 7, 7),
    ]
    assert [(one.value, one.at_least) for one in top.paths] == [("secret/data/5", 6), ("secret/data/4", 5)]
    assert [(one.value, one.at_least) for one in top.addresses] == [("192.0.2.1", 21)]


def test_the_window_goes_with_the_clock_and_a_backlog_is_not_of_late() -> None:
    now = NOW
    observer = who(lambda: now)
    made = pipeline(observer)
    made.feed("log", [line(client="old", at=NOW - 2 * HOUR), line(client="recent", at=NOW - HOUR / 2), line()])
    assert samples(made)["distinct_clients",] == 2
    now += HOUR / 2
    assert samples(made)["distinct_clients",] == 2
    made.feed("log", [line(client="c9", at=now)])
    assert samples(made)["distinct_clients",] == 3
    now += 2 * HOUR
    assert samples(made)["distinct_clients",] == 0
    assert observer.top(5).clients == ()


def test_a_time_far_ahead_does_not_empty_the_window() -> None:
    made = pipeline(who())
    made.feed("log", [line(client="c1"), line(client="c2", at=NOW + 1000 * HOUR), line(client="c3")])
    assert samples(made)["distinct_clients",] == 3


def test_a_million_of_each_take_bounded_memory_and_the_frequent_one_is_found() -> None:
    observer = who(tracked=50)
    made = pipeline(observer)
    for number in range(20_000):
        made.feed("log", [line(f"p/{number}", client=f"c{number}", address=f"a{number}"), line("p/often")])
    top = observer.top(1)
    assert top.paths[0].value == "p/often"
    assert top.paths[0].at_least <= 20_000 <= top.paths[0].at_most
    assert abs(samples(made)["distinct_addresses",] - 20_001) < 2_000
    assert len(pickle.dumps(observer)) < 100_000


def test_what_looks_like_a_token_is_not_shown() -> None:
    observer = who()
    made = pipeline(observer)
    made.feed("log", [line(f"auth/token/lookup/{TOKEN}"), line(f"auth/token/revoke/s.{'a' * 24}", name=TOKEN)])
    assert {one.value for one in observer.top(5).paths} == {"auth/token/lookup/(token)", "auth/token/revoke/(token)"}
    assert "Planted" not in repr(observer.top(5))


def test_templates_become_labels_and_no_more_of_them_than_may() -> None:
    made = pipeline(PathObserver(["secret/data/{app}", "other/*"], 2))
    made.feed("log", [line(f"secret/data/{app}") for app in "aabcd"])
    made.feed("log", [line("secret/data/a", operation="made-up"), line("secret/metadata/a"), line("other/x/y")])
    made.feed("log", [line("secret/data/a", kind="response", error="permission denied")])
    made.feed("log", [line("secret/data/d", kind="response", error="permission denied")])
    template = "secret/data/{app}"
    assert samples(made) == {
        ("path_requests_total", template, "secret/data/a", "read"): 2,
        ("path_requests_total", template, "secret/data/a", "other"): 1,
        ("path_requests_total", template, "secret/data/b", "read"): 1,
        ("path_requests_total", template, "other", "read"): 2,
        ("path_requests_total", "other/*", "other/*", "read"): 1,
        ("path_errors_total", template, "secret/data/a"): 1,
        ("path_errors_total", template, "secret/data/b"): 0,
        ("path_errors_total", template, "other"): 1,
        ("path_errors_total", "other/*", "other/*"): 0,
        ("path_overflow_total", template): 2,
        ("path_overflow_total", "other/*"): 0,
    }


def test_listed_clients() -> None:
    made = pipeline(ClientObserver(["userpass-alice", "token"]))
    made.feed("log", [line(name="token"), line(name="token"), line(name="approle"), line(kind="response")])
    assert samples(made) == {
        ("client_requests_total", "userpass-alice"): 0,
        ("client_requests_total", "token"): 2,
        ("client_requests_total", "other"): 1,
    }


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=60), st.integers(0, 60))
def test_several_processes_find_what_one_finds(requests: list[tuple[int, bool]], cut: int) -> None:
    def observers() -> tuple[Observer, ...]:
        return (
            TopObserver(None, 100, None),
            ClientObserver(["n1", "n2"]),
            PathObserver(["secret/{a}"], 100),
            PathObserver(["secret/{b}"], 4),
        )

    lines = []
    for number, failed in requests:
        lines.append(line(f"secret/{number}", client=f"c{number % 7}", name=f"n{number % 7 % 4}", at=NOW + number))
        lines.append(line(f"secret/{number}", kind="response", error="permission denied" if failed else ""))
    one, first, second = pipeline(*observers()), pipeline(*observers()), pipeline(*observers())
    one.feed("log", lines)
    first.feed("log", lines[:cut])
    second.feed("log", lines[cut:])
    merged = pickle.loads(pickle.dumps(first))  # noqa: S301 - our own
    merged.merge(pickle.loads(pickle.dumps(second)))  # noqa: S301 - our own
    assert _sums(samples(merged)) == _sums(samples(one))
    tops = [made.observers[0].top(100) for made in (merged, one) if isinstance(made.observers[0], TopObserver)]
    assert tops[0] == tops[1]


def _sums(found: dict[tuple[str, ...], float]) -> dict[tuple[str, ...], float]:
    """Which paths got a label depends on the order, their sum does not."""
    sums: dict[tuple[str, ...], float] = {}
    for (name, *labels), value in found.items():
        if name == "path_overflow_total":
            continue
        key = (name, labels[0]) if labels[:1] == ["secret/{b}"] else (name, *labels)
        sums[key] = sums.get(key, 0) + value
    return sums
