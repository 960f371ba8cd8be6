"""How much a pattern of secrets may cost where there are more than anybody would list by hand."""

import json
import re

import pytest

from tests.lab.fake_node import Node, StartExporter, target
from vault_exporter.config.schema.model import Secret, TokenAuth
from vault_exporter.config.schema.watched import Kv

FOLDERS, NAMES = 150, 100_000
METADATA = '{"data":{"current_version":1,"updated_time":"2026-11-24T11:31:12Z","versions":{}}}'
AUTH = TokenAuth(token=Secret("hvs.planted"))


def listed(*names: str) -> tuple[int, str]:
    return 200, json.dumps({"data": {"keys": names}})


@pytest.mark.parametrize(
    ("paths", "lists", "skipped"),
    [
        # Of the first folder as much is kept as is wanted; the others are left out, each as one.
        (("*/*",), 2, NAMES - 100 + FOLDERS - 1),
        # A secret that is named on its own is one of the hundred.
        (("named", "*/*"), 2, NAMES - 99 + FOLDERS - 1),
        # A second pattern has nothing left, so its folder is left out as one.
        (("*/*", "f0/1*"), 2, NAMES - 100 + FOLDERS),
        # A hundred folders are as many as may be listed at all; the list of them is one.
        (("*/none*",), 100, FOLDERS - 99),
    ],
    ids=["folders", "named", "two patterns", "nothing there"],
)
async def test_names_beyond_the_budget_are_counted_and_not_kept(
    node: Node, start_exporter: StartExporter, paths: tuple[str, ...], lists: int, skipped: int
) -> None:
    names = listed(*map(str, range(NAMES)))
    node.answers["kv/metadata"] = listed(*(f"f{number}/" for number in range(FOLDERS)))
    for number in range(FOLDERS):
        node.answers[f"kv/metadata/f{number}"] = names if "none" not in paths[0] else listed("1")
    node.answers |= {f"kv/metadata/f0/{number}": (200, METADATA) for number in range(NAMES // 100)}
    client = await start_exporter(target(node, auth=AUTH, timeout=60), kv=(Kv("kv", paths, max_paths=100),))
    page = await (await client.get("/probe?target=n1")).text()
    assert '\nvault_exporter_collector_success{collector="kv"} 1\n' in page
    assert re.search(r'^vault_kv_secrets_skipped\{mount="kv"\} (\d+)$', page, re.MULTILINE)[1] == str(skipped)  # type: ignore[index]
    kept = 0 if "none" in paths[0] else 100
    assert len(re.findall(r"^vault_kv_secret_exists\{", page, re.MULTILINE)) == kept
    assert sum(calls for path, calls in node.calls.items() if re.fullmatch(r"kv/metadata(/f\d+)?", path)) == lists
