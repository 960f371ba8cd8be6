"""Situations that users are in, and what whoever is on call wants of the alerts in each.

A situation says what is true of each node as time goes by; what Prometheus scrapes of it follows from how often it
scrapes. Times are seconds from the first scrape.
"""

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

__all__ = ["SITUATIONS", "Expectation", "Series", "Situation", "samples"]

Value = float | None
"""What a scrape finds; None where it finds no such series."""
Course = Callable[[int], str]
"""The state of a node at a time."""


class Series(NamedTuple):
    """A series, and its value at a time."""

    name: str
    at: Callable[[int], Value]


class Expectation(NamedTuple):
    """What must hold at a time, of the severest alerts or of those that are named.

    ``page``: a critical alert fires. ``tell``: a critical one or a warning. ``none``: none of those that are named;
    without names, nobody is told anything.
    """

    at: int
    what: str
    names: tuple[str, ...] = ()


class Situation(NamedTuple):
    """One row of the table."""

    name: str
    series: tuple[Series, ...]
    expects: tuple[Expectation, ...]
    scrapes: tuple[int, ...] = (15, 30, 60)
    """Times between two scrapes at which it is played, in seconds."""
    evaluations: tuple[int, ...] = (60,)
    """Times between two evaluations of the rules."""
    shifts: tuple[int, ...] = (0,)
    """Seconds from an evaluation to the next scrape: the age of what is seen depends on it."""


_STATES: Final = {
    #           up vault_up sealed active
    "active": (1, 1, 0, 1),
    "standby": (1, 1, 0, 0),
    "sealed": (1, 1, 1, 0),
    "down": (1, 0, 0, 0),
    "unseen": (0, None, None, None),
    "left": (None, None, None, None),
}
"""What the families say that are always there. ``unseen``: the scrape fails. ``left``: the node is no target."""


def samples(series: Series, scrape: int, shift: int, until: int) -> list[Value]:
    """Return what scrapes find."""
    return [series.at(at) for at in range(shift, until + 1, scrape)]


def always(state: str) -> Course:
    return lambda _: state


def then(*steps: tuple[int, str]) -> Course:
    """Each state from its time on."""
    return lambda at: [state for begin, state in steps if begin <= at][-1]


def cycle(*parts: tuple[int, str], offset: int = 0) -> Course:
    """The states one after the other, each so many seconds, again and again."""
    states = [state for seconds, state in parts for _ in range(seconds)]
    return lambda at: states[(at + offset) % len(states)]


def node(instance: str, course: Course, cluster: str = "prod", **more: str) -> list[Series]:
    def family(position: int) -> Callable[[int], Value]:
        return lambda at: _STATES[course(at)][position]

    names = ("up", "vault_up", "vault_sealed", "vault_active")
    return [Series(_series(name, instance, cluster, **more), family(number)) for number, name in enumerate(names)]


def three(*courses: Course) -> list[Series]:
    return [one for number, course in enumerate(courses, 1) for one in node(f"n{number}", course)]


def _series(name: str, instance: str = "n1", /, cluster: str = "prod", job: str = "vault", **more: str) -> str:
    labels = {"job": job, "cluster": cluster, "instance": instance, **more}
    written = ",".join(f'{key}="{value}"' for key, value in labels.items() if value)
    return f"{name}{{{written}}}"


def of(name: str, value: float | Callable[[int], Value], instance: str = "n1", /, **labels: str) -> Series:
    return Series(_series(name, instance, **labels), value if callable(value) else lambda _: value)


def page(at: int, *names: str) -> Expectation:
    return Expectation(at, "page", names)


def tell(at: int, *names: str) -> Expectation:
    return Expectation(at, "tell", names)


def none(at: int, *names: str) -> Expectation:
    return Expectation(at, "none", names)


def _situation(name: str, series: Iterable[Series], *expects: Expectation, **how: tuple[int, ...]) -> Situation:
    return Situation(name, tuple(series), expects, **how)


HEALTHY: Final = three(always("active"), always("standby"), always("standby"))
QUICK: Final = {"scrapes": (15,), "evaluations": (15, 60)}
"""What lasts for seconds shows at short intervals only."""


def _away(begin: int, end: int, before: Value, after: Value) -> Callable[[int], Value]:
    """A series that nobody scrapes between two times."""
    return lambda at: before if at < begin else None if at < end else after


def _in_pods(series: Iterable[Series], replaced: int, back: int) -> list[Series]:
    """What the Prometheus operator stores: labels of the exporter's pod, which another one replaces."""
    found = []
    for one in series:
        for pod, begin, end in (("exporter-0", 0, replaced), ("exporter-1", back, 10**9)):
            name = f'{one.name[:-1]},namespace="vault",endpoint="http",container="exporter",pod="{pod}"}}'
            found.append(Series(name, _within(one.at, begin, end)))
    return found


def _within(at_all: Callable[[int], Value], begin: int, end: int) -> Callable[[int], Value]:
    return lambda at: at_all(at) if begin <= at < end else None


def _from(begin: int, before: Value, after: Value) -> Callable[[int], Value]:
    return lambda at: before if at < begin else after


def _twice() -> list[Series]:
    found = []
    for name, state in (("n1", "active"), ("n2", "standby"), ("n3", "standby")):
        for instance in (name, f"{name}-team"):
            found += node(instance, always(state))
            found.append(of("vault_info", 1, instance, version="2.7.2", cluster_name="c", cluster_id="A"))
            if state == "active":
                found.append(of("vault_active_since_timestamp_seconds", -900, instance))
    return found


SITUATIONS: Final = (
    _situation("healthy", HEALTHY, none(300), none(1200)),
    # Outages that never hold one state for a minute.
    _situation(
        "all nodes in a crash loop: 30 s sealed, 15 s refused",
        three(*(cycle((30, "sealed"), (15, "down"), offset=at) for at in (0, 0, 0))),
        page(300),
        page(900, "VaultClusterSealed"),
        **QUICK,
    ),
    _situation(
        "one node of three in a crash loop: a minute sealed, half a minute refused",
        three(cycle((60, "sealed"), (30, "down")), always("active"), always("standby")),
        tell(600),
        tell(900),
        scrapes=(15, 30),
    ),
    _situation(
        "each node serves 15 s of 60 s, in turn",
        three(*(cycle((45, "down"), (15, "standby"), offset=at) for at in (0, 15, 30))),
        page(600),
        page(1200),
        **QUICK,
    ),
    _situation(
        "a single node is there for 45 s and gone for 45 s",
        node("n1", cycle((45, "active"), (45, "down"))),
        page(600, "VaultUnstable"),
        page(1200, "VaultUnstable"),
    ),
    *(
        _situation(
            f"one node of three serves for {seconds} s and is {state} for {seconds} s",
            three(always("active"), cycle((seconds, "standby"), (seconds, state)), always("standby")),
            *(page(at) for at in range(1200, 1800, 120)),
        )
        for seconds, state in ((150, "down"), (180, "sealed"), (210, "down"))
    ),
    *(
        _situation(
            f"the pod of a node leaves the targets for {away} s and is back for {back} s",
            three(always("active"), cycle((back, "standby"), (away, "left")), always("standby")),
            *(tell(at, "VaultNodesMissing") for at in range(1800, 2400, 120)),
            scrapes=(15, 60),
        )
        for away, back in ((45, 45), (240, 60))
    ),
    _situation(
        "a whole cluster leaves the targets for 90 s and is back for 90 s",
        three(*(cycle((90, state), (90, "left")) for state in ("active", "standby", "standby"))),
        *(page(at) for at in range(1200, 1800, 120)),
        scrapes=(15, 30),
    ),
    _situation(
        "a pod is replaced, and is no target for a minute",
        three(always("active"), then((0, "standby"), (600, "left"), (660, "standby")), always("standby")),
        *(none(at) for at in range(600, 1200, 60)),
    ),
    _situation(
        "leadership is lost every other minute, and all nodes answer",
        three(cycle((60, "active"), (60, "standby")), always("standby"), always("standby")),
        page(900, "VaultClusterUnavailable"),
        scrapes=(15, 30),
    ),
    _situation(
        "a rolling restart takes 90 s a node",
        three(
            then((0, "active"), (600, "down"), (675, "sealed"), (690, "standby")),
            then((0, "standby"), (300, "down"), (375, "sealed"), (390, "standby"), (600, "active")),
            then((0, "standby"), (450, "down"), (525, "sealed"), (540, "standby")),
        ),
        *(none(at) for at in range(300, 900, 60)),
        scrapes=(15, 30),
        evaluations=(15, 60),
    ),
    _situation(
        "a node stays away, and the cluster serves",
        three(always("active"), then((0, "standby"), (300, "down")), always("standby")),
        page(600, "VaultDown"),
    ),
    # What cannot be seen.
    _situation(
        "the exporter's own page is down and all nodes are sealed",
        [of("up", 0, "exporter", job="vault-exporter"), *three(*(always("sealed"),) * 3)],
        page(600, "VaultClusterSealed"),
    ),
    _situation(
        "two of three nodes leave the targets",
        three(always("active"), then((0, "standby"), (600, "left")), then((0, "standby"), (600, "left"))),
        tell(1200, "VaultNodesMissing"),
    ),
    _situation(
        "one of two clusters leaves the targets",
        [*node("a1", always("active"), "a"), *node("b1", then((0, "active"), (600, "left")), "b")],
        tell(1200, "VaultClusterMissing"),
    ),
    _situation(
        "the job of nodes scrapes the exporter's own page",
        [of("up", 1, "exporter:9410"), of("vault_exporter_build_info", 1, "exporter:9410", version="1", python="3")],
        tell(1200, "VaultJobMisconfigured"),
    ),
    _situation(
        "one of three audit readers is gone",
        [
            *HEALTHY,
            of("up", 1, "e1", job="vault-exporter"),
            of("up", 1, "e2", job="vault-exporter"),
            of("up", lambda at: at < 600, "e3", job="vault-exporter"),
        ],
        tell(1200, "VaultExporterPageDown"),
    ),
    _situation(
        "the exporter beside the active node dies; both standbys know their leader",
        [
            *three(then((0, "active"), (600, "unseen")), always("standby"), always("standby")),
            *(of("vault_leader_known", 1, name) for name in ("n2", "n3")),
        ],
        none(1200, "VaultNoActiveNode", "VaultClusterUnavailable"),
        tell(1200, "VaultActiveNodeUnseen"),
    ),
    _situation(
        "the exporter beside the active of two nodes on PostgreSQL dies",
        [
            *node("n1", then((0, "active"), (600, "unseen"))),
            *node("n2", always("standby")),
            of("vault_leader_known", 1, "n2"),
            of("vault_storage_info", 1, "n2", type="postgresql"),
        ],
        none(1200, "VaultNoActiveNode", "VaultClusterUnavailable"),
        tell(1200, "VaultActiveNodeUnseen"),
    ),
    _situation(
        "autopilot removes a dead server, which comes back and answers",
        [
            *three(always("active"), always("standby"), then((0, "standby"), (300, "down"), (2400, "standby"))),
            of("vault_ha_nodes", lambda at: 2 if 300 <= at < 2400 else 3),
            of("vault_raft_servers", lambda at: 3 if at < 900 else 2),
        ],
        page(840, "VaultDown"),
        tell(2280, "VaultRaftServerRemoved"),
        none(2280, "VaultRemovedFromCluster"),
        page(3000, "VaultRemovedFromCluster"),
        scrapes=(60,),
    ),
    _situation(
        "raft has lost its quorum; the node that is left says that it knows a leader",
        [
            *three(*(then((0, state), (600, "down")) for state in ("active", "standby")), always("standby")),
            of("vault_leader_known", 1, "n3"),
        ],
        page(900, "VaultNoActiveNode"),
    ),
    # Events while nobody looked.
    *(
        _situation(
            f"a root token is used while nobody scrapes for {(end - 600) // 60} minutes",
            [
                *HEALTHY,
                of("vault_audit_events_total", _away(600, end, 0, 3), event="root_token_used"),
                of("vault_audit_event_last_timestamp_seconds", _away(600, end, -9000, 840), event="root_token_used"),
            ],
            none(540),
            page(end + 120, "VaultRootTokenUsed"),
            none(end + 1200),
        )
        for end in (960, 1080, 1800)
    ),
    # The exporter's pod is replaced, and the operator gives the series of the new one another label.
    *(
        _situation(
            f"a root token is used {used - 1800} s after the exporter's pod is replaced",
            _in_pods(
                [
                    *HEALTHY,
                    of("vault_audit_events_total", _from(used, 0, 3), event="root_token_used"),
                    of("vault_audit_event_last_timestamp_seconds", _from(used, -9000, used), event="root_token_used"),
                ],
                replaced=1800,
                back=1860,
            ),
            none(1740),
            page(used + 180, "VaultRootTokenUsed"),
            page(used + 600, "VaultRootTokenUsed"),
            none(used + 1200),
            scrapes=(30,),
        )
        for used in (1830, 1980)
    ),
    _situation(
        "the exporter's pod is replaced, and the nodes' counters tell of errors long past",
        _in_pods(
            [
                *HEALTHY,
                of("vault_runtime_alloc_bytes", 1000),
                of("vault_audit_log_request_failure", 3),
                of("vault_seal_encrypt_error", 3),
                of("vault_seal_decrypt_error", 3),
                of("vault_quota_rate_limit_violation", 30, name="q"),
                of("vault_audit_events_total", 3, event="root_token_used"),
                of("vault_audit_event_last_timestamp_seconds", -9000, event="root_token_used"),
            ],
            replaced=1200,
            back=1230,
        ),
        *(none(at) for at in range(1140, 1800, 60)),
        scrapes=(30,),
    ),
    # Slow scrapes, and scrapes that fail.
    _situation(
        "all nodes sealed, scraped each two minutes",
        three(*(always("sealed"),) * 3),
        page(600, "VaultClusterSealed"),
        page(1200, "VaultClusterSealed"),
        scrapes=(120,),
        shifts=(10,),
    ),
    _situation(
        "storage gone, scraped each two minutes",
        [
            *three(*(always("down"),) * 3),
            *(of("vault_up_failure_reason", 1, f"n{number}", reason="http_5xx") for number in (1, 2, 3)),
        ],
        page(1200, "VaultStorageUnavailable"),
        scrapes=(120,),
        shifts=(10,),
    ),
    _situation(
        "all nodes sealed, one scrape fails: no second page",
        three(*(lambda at: "unseen" if 600 <= at < 660 else "sealed",) * 3),
        *(page(at, "VaultClusterSealed") for at in (540, 600, 660, 720, 780)),
        scrapes=(60,),
        evaluations=(15, 60),
        shifts=(5,),
    ),
    _situation(
        "one node sealed, an answer of it comes too late: no second page",
        three(lambda at: "down" if 600 <= at < 615 else "sealed", always("active"), always("standby")),
        *(page(at, "VaultSealed") for at in (540, 600, 660, 720)),
        scrapes=(15,),
        evaluations=(15, 60),
    ),
    # Nothing is wrong, or something else is.
    _situation(
        "heartbeats that are 5 s old at the scrape",
        [
            *HEALTHY,
            of("vault_ha_node_last_echo_timestamp_seconds", lambda at: at - 5, hostname="n2", api_address="x"),
        ],
        none(600),
        none(1200),
        scrapes=(60,),
        shifts=(2, 30),
    ),
    _situation(
        "another request of 4 s in flight at each scrape",
        [*HEALTHY, of("vault_in_flight_oldest_request_start_timestamp_seconds", lambda at: at - 4)],
        none(600),
        none(1200),
        scrapes=(60,),
        shifts=(2, 30),
    ),
    _situation("each node is scraped twice, for two namespaces", _twice(), none(1200)),
    _situation(
        "the active node answers too slowly every other minute",
        [*node("n1", cycle((60, "active"), (60, "down"))), *node("n2", always("standby"))],
        none(1800, "VaultLeadershipFlapping"),
        scrapes=(15, 30),
    ),
    _situation(
        "a key of 100 days with automatic rotation on",
        [
            *HEALTHY,
            of("vault_barrier_key_install_timestamp_seconds", -8640000),
            of("vault_barrier_key_rotation_enabled", 1),
            of("vault_barrier_key_encryptions", 1000),
        ],
        none(1200),
    ),
    _situation(
        "certificates of 48 h, renewed each day",
        [
            *node("n1", always("active")),
            of("vault_listener_certificate_not_after_timestamp_seconds", lambda at: 172800 + at // 86400 * 86400),
            of("vault_listener_certificate_not_before_timestamp_seconds", lambda at: at // 86400 * 86400),
        ],
        none(43200),
        none(126000),
        scrapes=(300,),
        evaluations=(1800,),
    ),
    _situation(
        "a node that raft removed still says that it is well",
        [*HEALTHY, of("vault_removed_from_cluster", 1, "n3")],
        page(1200, "VaultRemovedFromCluster"),
    ),
    *(
        _situation(name, [*HEALTHY, series], tell(1200, alert))
        for name, series, alert in (
            (
                "lines of a network input are dropped",
                of("vault_audit_reader_dropped_lines_total", lambda at: at * 10, log="socket"),
                "VaultAuditEntriesLost",
            ),
            (
                "the checkpoint cannot be written",
                of("vault_audit_reader_checkpoint_errors_total", lambda at: at / 15, reason="unwritable"),
                "VaultAuditCheckpointFailing",
            ),
            ("a clock is ten minutes off", of("vault_clock_skew_seconds", 600), "VaultClockSkew"),
            ("the exporter's token is not valid", of("vault_exporter_token_valid", 0), "VaultExporterTokenInvalid"),
            (
                "the link to the primary is down",
                of("vault_replication_primary_connected", 0, replication="dr"),
                "VaultReplicationDisconnected",
            ),
            (
                "the Merkle tree is corrupted",
                of("vault_replication_merkle_tree_corrupted", 1, replication="performance"),
                "VaultMerkleTreeCorrupted",
            ),
        )
    ),
)
"""Everything that is played."""
