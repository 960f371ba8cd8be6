"""The versions of Vault and OpenBao that the tests have data of, and what a file of them is: recorded or hand-made."""

from pathlib import Path
from typing import Final, NamedTuple

DATA: Final = Path(__file__).parents[1] / "data"
RECORDED: Final = frozenset({"answers/openbao-2.7.2.json", "telemetry/raft-unsealed.prom", "audit/openbao.jsonl"})
"""Written by a real server; every other file is made by hand after the documents of that version."""


class Server(NamedTuple):
    """A version, and the files with what it answers, below ``tests/data``."""

    name: str
    answers: str
    telemetry: str
    audit: str

    @property
    def files(self) -> dict[str, bool]:
        """File → whether it is recorded."""
        named = (f"answers/{self.answers}.json", f"telemetry/{self.telemetry}.prom", f"audit/{self.audit}.jsonl")
        return {name: name in RECORDED for name in named}


SERVERS: Final = (
    Server("Vault 1.2", "vault-1.2", "made/vault-1.2", "versions/vault-1.2"),
    Server("Vault 1.9", "vault-1.9", "made/vault-1.9", "versions/vault-1.9"),
    Server("Vault 1.13", "vault-1.13", "made/vault-1.13", "versions/vault-1.13"),
    Server("Vault 1.14", "vault-1.14", "made/vault-1.13", "versions/vault-1.14"),
    Server("Vault 1.19 Enterprise", "vault-1.19-enterprise", "made/vault-1.13", "versions/vault-1.19"),
    Server("Vault 2.0", "vault-2.0", "made/vault-1.13", "versions/vault-1.19"),
    Server("OpenBao 2.0 to 2.2", "openbao-2.0", "made/vault-1.13", "versions/openbao-2.0"),
    Server("OpenBao 2.3", "openbao-2.3", "made/vault-1.13", "versions/openbao-2.0"),
    Server("OpenBao 2.4", "openbao-2.4", "made/vault-1.13", "versions/openbao-2.0"),
    Server("OpenBao 2.5", "openbao-2.5", "made/vault-1.13", "versions/openbao-2.0"),
    Server("OpenBao 2.6", "openbao-2.6", "made/vault-1.13", "versions/openbao-2.0"),
    Server("OpenBao 2.7", "openbao-2.7.2", "raft-unsealed", "openbao"),
)
