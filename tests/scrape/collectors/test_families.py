"""Which collector makes which family: the catalogue names it, and rules and documents go by that."""

from collections.abc import Iterable

import pytest

from tests.lab.answers import answers
from tests.lab.fake_node import Node, target
from vault_exporter.config.schema.model import Secret, Telemetry, TokenAuth
from vault_exporter.config.schema.watched import AppRole, Canary, Database, Kv, Pki, Watched, WatchedToken
from vault_exporter.metrics.catalogue import FAMILIES
from vault_exporter.metrics.family import Sample
from vault_exporter.scrape.collectors import COLLECTORS, CONFIGURED, Collector, Reading, configured, telemetry
from vault_exporter.vault.connection import connect

PARTS = {"audit", "auth", "backup", "exporter", "scrape"}
"""What makes families beside collectors."""
OF_THE_STATE = {"vault_up", "vault_up_failure_reason", "vault_sealed", "vault_core_unsealed", "vault_active"}
"""What is made of several answers."""
OF_THE_STATE |= {"vault_health_status_code", "vault_initialized", "vault_leader_known"}
LOOKED_AFTER = Watched(
    kv=(Kv("secret", ("team/*", "gone"), max_age=7776000.0),),
    pki=(Pki("pki", certificates=True, names=("root",)),),
    approle=(AppRole(("ci",)),),
    watched_tokens=(WatchedToken("ci", Secret("accessor")),),
    database=(Database(("app",)),),
    canary=Canary("secret"),
)


def every_collector() -> dict[str, Collector]:
    one = target(Node(address="http://127.0.0.1:1"))
    found = (*COLLECTORS, *configured(one, LOOKED_AFTER), telemetry.collector(Telemetry()))
    return {collector.name: collector for collector in found}


def test_each_family_is_made_by_something_that_there_is() -> None:
    assert {"kv", "canary"} < CONFIGURED.keys() <= every_collector().keys()
    assert {family.made_by for family in FAMILIES} == PARTS | every_collector().keys()


@pytest.mark.parametrize("name", every_collector())
async def test_a_collector_makes_its_own_families(node: Node, name: str) -> None:
    node.answers |= answers("everything")
    client, _ = connect(target(node, auth=TokenAuth(token=Secret("hvs.1"))))
    try:
        found: Iterable[Sample] | Reading = await every_collector()[name].collect(client)
    finally:
        await client.close()
    samples = found.samples if isinstance(found, Reading) else tuple(found)
    made = {sample.family.name: sample.family.made_by for sample in samples}
    if name == "license":
        assert made.pop("vault_license_expiry_timestamp_seconds") == "health"  # for nodes whose health lacks it
    assert set(made.values()) <= {name}
    own = {family.name for family in FAMILIES if family.made_by == name} - OF_THE_STATE
    if name == "health":
        own.remove("vault_license_expiry_timestamp_seconds")  # the node is an OpenBao
    if name == "canary":  # no audit log is followed
        own -= {"vault_canary_audit_success", "vault_canary_audit_delay_seconds"}
    if name != "certificate":  # without TLS there is none
        assert made.keys() == own
