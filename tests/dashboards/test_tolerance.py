"""How many nodes a cluster can lose, by what its nodes say of themselves."""

from pathlib import Path
from typing import Final

import pytest
import yaml

from dashboards.sections.soon import tolerance
from tests.alerts.promtool import promtool

Node = dict[str, int]
ACTIVE: Final[Node] = {"up": 1, "sealed": 0, "active": 1, "standby": 0}
STANDBY: Final[Node] = {"up": 1, "sealed": 0, "active": 0, "standby": 1}
SEALED: Final[Node] = {"up": 1, "sealed": 1, "active": 0, "standby": 1}
DOWN: Final[Node] = {"up": 0}
WITHOUT_STORAGE: Final[Node] = {"up": 0, "active": 0}


@pytest.mark.parametrize(
    ("nodes", "tolerated"),
    [
        ([ACTIVE, STANDBY, STANDBY], 2),
        ([ACTIVE, STANDBY, SEALED], 1),
        ([ACTIVE, STANDBY, DOWN], 1),
        ([ACTIVE], 0),
        ([STANDBY, STANDBY], 0),
        ([WITHOUT_STORAGE, WITHOUT_STORAGE, DOWN], 0),
        ([{**STANDBY, "up": 0}, WITHOUT_STORAGE, DOWN], 0),
        ([DOWN], 0),
        ([], None),
        ([{**ACTIVE, "raft_autopilot_failure_tolerance": 1}, STANDBY, STANDBY], 1),
    ],
)
def test_nodes_that_can_be_lost(tmp_path: Path, nodes: list[Node], tolerated: int | None) -> None:
    series = [
        {"series": f'vault_{name}{{cluster="prod",job="vault",instance="n{number}"}}', "values": f"{value}x8"}
        for number, node in enumerate(nodes)
        for name, value in node.items()
    ]
    expr = tolerance().replace("$job", ".+").replace("$cluster", ".+").replace("$instance", ".+")
    expected = [] if tolerated is None else [{"labels": '{cluster="prod"}', "value": tolerated}]
    test = {
        "interval": "15s",
        "input_series": series,
        "promql_expr_test": [{"expr": expr, "eval_time": "60s", "exp_samples": expected}],
    }
    path = tmp_path / "test.yml"
    path.write_text(yaml.safe_dump({"tests": [test]}))
    done = promtool("test", "rules", path)
    assert done.returncode == 0, done.stdout
