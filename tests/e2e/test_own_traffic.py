"""What the exporter itself asks, in the audit log that it reads."""

import re
from pathlib import Path
from typing import Any

from tests.e2e.conftest import StartExporter, probe
from tests.lab.api import call
from tests.lab.waiting import wait_until
from vault_exporter.config.schema.model import Config, Target
from vault_exporter.demo.openbao import dev_server
from vault_exporter.diagnose.policy import policy_text


def test_it_is_left_out_by_the_entity_of_its_logins(tmp_path: Path, start_exporter: StartExporter) -> None:
    log = tmp_path / "audit.log"
    (tmp_path / "bao").mkdir()
    (tmp_path / "password").write_text("two words")
    with dev_server(tmp_path / "bao", root_token="root", audit_log=log) as server:
        target = Target("dev", server.address)
        policy = policy_text(Config(targets=(target,)), (target,))
        call(server.address, "PUT", "sys/policies/acl/exporter", "root", policy=policy)
        call(server.address, "POST", "sys/auth/userpass", "root", type="userpass")
        user: dict[str, Any] = {"password": "two words", "token_policies": ["exporter"]}
        call(server.address, "POST", "auth/userpass/users/exporter", "root", **user)
        auth = {"method": "userpass", "username": "exporter", "password_file": str(tmp_path / "password")}
        exporter = start_exporter(
            # Replication is asked about without a token, so its entries name nobody.
            targets=[
                {"name": "dev", "address": server.address, "auth": auth, "collectors": {"disable": ["replication"]}}
            ],
            audit={"logs": [str(log)], "exclude": {"own": True}},
        )
        for _ in range(3):
            assert probe(exporter, "dev").value("vault_exporter_token_valid") == 1
        call(server.address, "GET", "sys/mounts", "root")  # somebody else

        def counts() -> tuple[int, dict[str, int]]:
            page = exporter.get("/metrics").decode()
            left_out = re.findall(
                r'^vault_audit_excluded_entries_total\{reason="entity_id"\} (\d+)$', page, re.MULTILINE
            )
            lines = re.findall(r"^vault_audit_entries_total\{(.*)\} ([1-9]\d*)$", page, re.MULTILINE)
            return int(left_out[0]), {" ".join(re.findall(r'"([^"]*)"', labels)): int(count) for labels, count in lines}

        wait_until(lambda: "response read system sys/" in counts()[1], what="the other's request")
        left_out, counted = counts()
        assert left_out > 20
        # Beside the other's: the request of the login, which is nobody's yet, and its response where the log was read
        # before the exporter had the answer that says who it is.
        assert counted.pop("response update userpass auth/userpass/", 1) == 1
        assert counted == {
            "request read system sys/": 1,
            "response read system sys/": 1,
            "request update userpass auth/userpass/": 1,
        }
