"""The files of TLS settings, whatever is at their paths."""

from pathlib import Path

from vault_exporter.config.schema.model import Tls
from vault_exporter.vault.tls import stamps


def test_a_path_that_cannot_be_looked_at_is_no_error() -> None:
    assert stamps(Tls(ca_path=Path("/" + "a" * 300))) == ()
    assert stamps(Tls(ca_cert=Path("/" + "a" * 300))) == (None,)
