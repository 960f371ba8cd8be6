"""Names with a ``metrics_prefix``, and with host names in those of gauges: the page comes out as any other does."""

import pytest

from tests.scrape.telemetry.reading import PAGES, check, counts, family, lines, samples_of, telemetry
from vault_exporter.metrics.exposition import Format

NAMINGS = {
    "metrics_prefix": ("openbao_", "openbao_"),
    "another": ("secrets_", "secrets_"),
    "underscores": ("team_a_vault_", "team_a_vault_"),
    "a word of the process": ("process_vault_", "process_vault_"),
    "host name": ("vault_ip_10_0_0_1_ec2_internal_", "vault_"),
    "host name like a part of Vault": ("vault_core_", "vault_"),
    "host name like the prefix": ("vault_vault_", "vault_"),
    "both": ("openbao_vault_0_", "openbao_"),
}
"""What is in the place of ``vault_`` in names of gauges, and in other names."""

every_naming = pytest.mark.parametrize(("gauges", "others"), NAMINGS.values(), ids=NAMINGS)
every_page = pytest.mark.parametrize("recorded", PAGES.values(), ids=PAGES)


def renamed(page: bytes, gauges: str, others: str) -> bytes:
    """Return a page as it is with these prefixes."""
    prefix, out = "", []
    text = page.decode()
    kinds = {line.split(" ")[2]: line.split(" ")[3] for line in text.splitlines() if line.startswith("# TYPE ")}
    for line in text.splitlines(keepends=True):
        if line.startswith("# HELP "):
            prefix = gauges if kinds[line.split(" ")[2]] == "gauge" else others
            out.append(line.replace(" vault_", f" {prefix}"))
        elif line.startswith("# TYPE "):
            out.append(line.replace(" vault_", f" {prefix}"))
        else:
            out.append(line.replace("vault_", prefix, 1) if line.startswith("vault_") else line)
    return "".join(out).encode()


@every_naming
@every_page
def test_names_are_those_of_any_other_vault(recorded: bytes, gauges: str, others: str) -> None:
    native = renamed(recorded, gauges, others)
    assert f"\n{gauges}runtime_alloc_bytes ".encode() in native
    usual, named = telemetry().repair(recorded), telemetry().repair(native)
    check(named)
    assert named.named
    for fmt in Format:
        assert named.render(fmt) == usual.render(fmt)
    assert (named.samples, named.tracked, named.dropped) == (usual.samples, usual.tracked, usual.dropped)
    assert named.repaired["started"] == usual.repaired["started"]
    assert named.repaired["renamed"] > usual.repaired["renamed"]


@every_naming
def test_the_series_go_on_across_their_expiry(gauges: str, others: str) -> None:
    usual, named = telemetry(), telemetry()
    for stem in ("expiry-1", "expiry-2", "expiry-3", "expiry-3"):
        want, page = usual.repair(PAGES[stem]), named.repair(renamed(PAGES[stem], gauges, others))
        assert samples_of(page) == samples_of(want)
        assert page.repaired["held"] == want.repaired["held"]
        assert page.repaired["continued"] == want.repaired["continued"]


@every_naming
def test_they_can_be_kept(gauges: str, others: str) -> None:
    recorded = PAGES["raft-unsealed-again"]
    usual = telemetry(drop=()).repair(recorded)
    kept = telemetry(drop=(), keep_prefix=True).repair(renamed(recorded, gauges, others))
    check(kept)
    assert kept.named
    replaced = [line.encode() for line in recorded.decode().splitlines() if line.startswith("vault_core_unsealed{")]
    assert len(replaced) == usual.dropped["replaced"] == 2
    own = next(line for line in replaced if b'{cluster=""}' not in line)
    shown = kept.render(Format.TEXT)
    assert own.replace(b"vault_", gauges.encode(), 1) in shown  # of that name, the exporter has none itself
    assert b'unsealed{cluster=""}' not in shown
    assert kept.dropped["stale"] == usual.dropped["stale"] + 1
    assert f"\n{others}core_step_down_count 0\n".encode() in shown
    assert f"\n{gauges}runtime_alloc_bytes ".encode() in shown
    assert b"\nvault_go_goroutines " in shown
    assert kept.samples == usual.samples + 1


def test_patterns_are_on_both_names() -> None:
    native = renamed(PAGES["raft-unsealed-again"], "openbao_", "openbao_")
    for pattern in ("vault_runtime_*", "openbao_runtime_*"):
        page = telemetry(drop=(pattern,)).repair(native)
        assert page.dropped["filtered"] > 5
        assert b"\nvault_runtime_" not in page.render(Format.TEXT)
    kept = telemetry(keep_prefix=True).repair(native)
    assert kept.dropped["filtered"] > 5
    assert b"_job_manager_queue_length" not in kept.render(Format.TEXT)


def test_a_node_may_take_another_prefix() -> None:
    recorded, target = PAGES["expiry-1"], telemetry()
    want = samples_of(telemetry().repair(recorded))
    for prefix in ("openbao_", "vault_", "secrets_"):
        assert samples_of(target.repair(renamed(recorded, prefix, prefix))) == want


def test_the_prefix_of_counters_shows_once_there_is_one() -> None:
    alone = family("bao_host_runtime_alloc_bytes", "gauge", " 1") + family("bao_host_core_unsealed", "gauge", " 1")
    target = telemetry()
    assert samples_of(target.repair(alone.encode())) == {
        "vault_runtime_alloc_bytes": 1,
        "vault_core_leadership_lost_sum": 0,
        "vault_core_leadership_lost_count": 0,
        "vault_core_leadership_setup_failed_sum": 0,
        "vault_core_leadership_setup_failed_count": 0,
        "vault_core_step_down_sum": 0,
        "vault_core_step_down_count": 0,
    }
    page = target.repair((alone + family("bao_identity_upsert", "summary", "_sum 4", "_count 2")).encode())
    assert samples_of(page)["vault_identity_upsert_count"] == 2
    assert samples_of(page)["vault_runtime_alloc_bytes"] == 1


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (family("my_app_requests", "counter", " 1"), False),
        (family("go_goroutines", "gauge", " 1") + family("process_cpu_seconds_total", "counter", " 1"), False),
        (family("runtime_alloc_bytes", "gauge", " 1"), False),
        (family("vault_something_else", "gauge", " 1"), True),
        (family("x_runtime_alloc_bytes", "gauge", " 1"), True),
        (family("x_barrier_get", "summary", "_sum 1", "_count 1"), True),
    ],
)
def test_whether_the_names_are_known(text: str, named: bool) -> None:  # noqa: FBT001 - a parameter
    assert telemetry().repair(text.encode()).named is named


def test_names_that_are_not_known_are_passed_on() -> None:
    target = telemetry()
    text = family("my_app_requests", "counter", " 1")
    assert lines(target.repair(text.encode()).render(Format.TEXT)) == ["my_app_requests 1"]
    usual = PAGES["dev"]
    assert target.repair(usual).named
    assert target.repair(text.encode()).named is False


def test_the_first_of_two_with_one_name_has_it() -> None:
    text = family("bao_runtime_alloc_bytes", "gauge", " 1") + family("vault_runtime_alloc_bytes", "gauge", " 2")
    page = telemetry().repair((text + family("bao_core_active", "gauge", " 1")).encode())
    assert samples_of(page) == {"vault_runtime_alloc_bytes": 2, "vault_core_active": 1}
    assert counts(page) == (2, 0, {"replaced": 1}, {"renamed": 1})


def test_a_counter_starts_at_zero_and_goes_on() -> None:
    unsealed = family("vault_core_active", "gauge", " 1") + family("vault_core_unsealed", "gauge", " 1")
    target = telemetry()
    series = "vault_core_leadership_lost_count"
    first = target.repair(unsealed.encode())
    assert samples_of(first)[series] == 0
    assert first.repaired["started"] == 6
    lost = (unsealed + family("vault_core_leadership_lost", "summary", "_sum 9.5", "_count 1")).encode()
    assert samples_of(target.repair(lost))[series] == 1
    assert samples_of(target.repair(unsealed.encode()))[series] == 1  # expired, and held
    assert samples_of(target.repair(lost))[series] == 2


@pytest.mark.parametrize(
    "other",
    [
        family("vault_core_leadership_lost_count", "gauge", " 7"),
        family("vault_core_leadership_lost_sum_total", "counter", " 7") + family("vault_core_step_down", "gauge", " 7"),
    ],
)
def test_a_counter_that_starts_does_not_take_names(other: str) -> None:
    text = family("vault_core_unsealed", "gauge", " 1") + other
    check(telemetry().repair(text.encode()))


def test_a_counter_that_is_left_out_is_not_started() -> None:
    text = family("vault_core_unsealed", "gauge", " 1").encode()
    page = telemetry(drop=("vault_core_*",)).repair(text)
    assert counts(page) == (0, 0, {"filtered": 1}, {})
