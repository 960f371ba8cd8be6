"""Labels of what users made, by the hundred thousand: a page does not grow without end."""

from collections.abc import Callable, Iterable

import pytest

from vault_exporter.metrics.family import Sample
from vault_exporter.scrape.collectors import audit_devices, ha_nodes, leases, locked_users, mounts, plugins, raft
from vault_exporter.scrape.collectors.bounded import most_frequent

MANY = range(100_000)


def of_mounts() -> Iterable[Sample]:
    return mounts.samples(mounts.Mount(f"t{number}") for number in MANY)


def of_auth_methods() -> Iterable[Sample]:
    return mounts.auth_samples(mounts.Mount(f"t{number}") for number in MANY)


def of_kv_engines() -> Iterable[Sample]:
    return mounts.samples(mounts.Mount("kv", {"version": str(number)}) for number in MANY)


def of_leases() -> Iterable[Sample]:
    return leases.samples(leases.Count(1, {f"a{number}": 1 for number in MANY}))


def of_locked_users() -> Iterable[Sample]:
    found = tuple(locked_users.Mount(f"a{number}", 1) for number in MANY)
    return locked_users.samples(locked_users.Locked(1, (locked_users.Namespace(found),)))


def of_plugins() -> Iterable[Sample]:
    return plugins.samples(plugins.Catalogue(tuple(plugins.Plugin(f"t{number}") for number in MANY)))


def of_audit_devices() -> Iterable[Sample]:
    return audit_devices.samples(audit_devices.Device(f"t{number}") for number in MANY)


def of_nodes() -> Iterable[Sample]:
    nodes = tuple(ha_nodes.Node(f"h{number}", "", active_node=False) for number in MANY)
    return ha_nodes.samples(ha_nodes.Status(nodes))


def of_servers() -> Iterable[Sample]:
    servers = tuple(raft.Server(f"n{number}", voter=True) for number in MANY)
    return raft.samples(raft.Configuration(raft.Servers(servers)))


def of_judged_servers() -> Iterable[Sample]:
    servers = {f"n{number}": raft.Judged(healthy=True) for number in MANY}
    return raft.autopilot_samples(raft.Autopilot(healthy=True, failure_tolerance=1, servers=servers))


@pytest.mark.parametrize(
    "made",
    [
        of_mounts,
        of_auth_methods,
        of_kv_engines,
        of_leases,
        of_locked_users,
        of_plugins,
        of_audit_devices,
        of_nodes,
        of_servers,
        of_judged_servers,
    ],
)
def test_there_is_a_bound(made: Callable[[], Iterable[Sample]]) -> None:
    assert 100 < len(tuple(made())) < 1100


def test_the_largest_stay_and_the_sum_is_the_same() -> None:
    few = {("b",): 1, ("a",): 2}
    assert most_frequent(few) == [(("a",), 2), (("b",), 1)]
    many = {(f"{number:04}", "x"): number for number in range(1200)}
    found = most_frequent(many)
    assert found[:-1] == sorted(many.items())[200:]
    assert found[-1] == (("other", "other"), sum(range(200)))
