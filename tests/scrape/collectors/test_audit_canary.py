"""What the canary says of the audit log, run by run."""

from collections.abc import AsyncIterator

import pytest

from tests.lab.fake_node import Node, target
from vault_exporter.config.schema.model import Secret, TokenAuth
from vault_exporter.config.schema.watched import Canary
from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Family
from vault_exporter.scrape.collectors.canary import collector
from vault_exporter.scrape.collectors.collector import Collector
from vault_exporter.util.sightings import LONGEST_SECONDS, Sightings
from vault_exporter.vault.client import Client
from vault_exporter.vault.connection import connect

PATH = "canary/data/vault-exporter/canary"


class Clock:
    """The machine's time, and more when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def client(node: Node) -> AsyncIterator[Client]:
    node.answers[PATH] = (200, '{"request_id":"r1","data":{"data":{"value":"x"}}}')
    connection = connect(target(node, auth=TokenAuth(token=Secret("hvs.1"))))
    yield connection.client
    await connection.client.close()


async def audited(canary: Collector, client: Client) -> dict[Family, float]:
    samples = await canary.collect(client)
    assert isinstance(samples, tuple)
    families = (c.CANARY_AUDIT_SUCCESS, c.CANARY_AUDIT_DELAY)
    return {sample.family: sample.value for sample in samples if sample.family in families}


async def test_the_last_run_whose_answer_is_known_counts(client: Client) -> None:
    clock = Clock()
    sightings = Sightings(clock)
    canary = collector((Canary("canary"),), sightings)
    assert await audited(canary, client) == {}
    (first,) = sightings.open()
    clock.now = 9e9
    first.see(f"team/{PATH}", "r1")
    seen = await audited(canary, client)
    assert seen[c.CANARY_AUDIT_SUCCESS] == 1
    assert seen[c.CANARY_AUDIT_DELAY] > LONGEST_SECONDS
    # The next run is not seen; as long as it may still be, the one before counts.
    clock.now = 0.0
    assert await audited(canary, client) == seen
    clock.now = 9e9
    assert await audited(canary, client) == {c.CANARY_AUDIT_SUCCESS: 0}


async def test_a_run_that_vault_does_not_answer_says_nothing_of_the_log(node: Node, client: Client) -> None:
    sightings = Sightings()
    canary = collector((Canary("canary"),), sightings)
    node.answers[PATH] = (500, '{"errors":["internal error"]}')
    for _ in range(2):
        assert await audited(canary, client) == {}
    assert sightings.open() == ()


@pytest.mark.parametrize("sightings", [None, Sightings()])
async def test_nothing_is_said_where_no_log_is_to_be_looked_at(client: Client, sightings: Sightings | None) -> None:
    canary = collector((Canary("canary", audit=sightings is None),), sightings)
    for _ in range(2):
        assert await audited(canary, client) == {}
    assert sightings is None or sightings.open() == ()
