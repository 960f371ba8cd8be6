"""The token source: a configured token, or a file that an agent rewrites."""

from pathlib import Path

import pytest

from vault_exporter.config.model import NoAuth, Secret, TokenAuth
from vault_exporter.vault.auth import TokenSource


def test_no_auth_has_no_token() -> None:
    assert TokenSource(NoAuth()).current() is None


def test_a_token_as_it_is() -> None:
    assert TokenSource(TokenAuth(token=Secret("hvs.1"))).current() == Secret("hvs.1")


def test_a_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    sink = tmp_path / "token"
    source = TokenSource(TokenAuth(token_file=sink))
    assert source.current() is None

    sink.write_text("hvs.1\n")
    assert source.current() == Secret("hvs.1")
    assert source.current() == Secret("hvs.1")

    # An agent replaces its sink by a rename.
    fresh = tmp_path / "token.new"
    fresh.write_text("hvs.2\n")
    fresh.rename(sink)
    assert source.current() == Secret("hvs.2")

    sink.unlink()
    assert source.current() is None
    sink.write_text("hvs.3")
    assert source.current() == Secret("hvs.3")


@pytest.mark.parametrize("content", [b"", b"\n \n", b"hvs.\xff", b"two\nlines", b"a\rb", b"nul\x00"])
def test_what_is_no_token_is_not_sent(tmp_path: Path, content: bytes) -> None:
    sink = tmp_path / "token"
    sink.write_bytes(content)
    assert TokenSource(TokenAuth(token_file=sink)).current() is None


def test_a_directory_in_its_place_is_no_token(tmp_path: Path) -> None:
    assert TokenSource(TokenAuth(token_file=tmp_path)).current() is None


def test_a_secret_never_shows() -> None:
    secret = Secret("hvs.planted")
    for text in (repr(secret), str(secret), f"{secret}", repr(TokenAuth(token=secret)), repr([secret])):
        assert "planted" not in text
