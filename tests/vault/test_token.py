"""What is no token is not sent."""

import os
from pathlib import Path

import pytest

from tests.lab.logged_in import LoggedIn
from vault_exporter.config.schema.logins import TokenAuth
from vault_exporter.config.schema.model import Target
from vault_exporter.config.schema.secret import Secret
from vault_exporter.metrics.reasons import Reason
from vault_exporter.vault.client import VaultError


async def refusal(auth: TokenAuth) -> str:
    client = LoggedIn(Target(name="n1", address="http://127.0.0.1:1", auth=auth))
    try:
        with pytest.raises(VaultError) as caught:
            await client.get("sys/mounts", token=True)
        assert caught.value.reason is Reason.LOGIN_FAILED
        assert client.requests == 0
    finally:
        await client.close()
    return str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\n \n", b"hvs.\xff", b"two\nlines", b"a\rb", b"nul\x00"])
async def test_a_file_without_one(tmp_path: Path, content: bytes) -> None:
    sink = tmp_path / "token"
    sink.write_bytes(content)
    assert (
        await refusal(TokenAuth(token_file=sink))
        == f"login: token: {sink} holds none; it is read again when it changes"
    )


async def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    assert "cannot be read: Is a directory" in await refusal(TokenAuth(token_file=tmp_path))
    assert "cannot be read: No such file or directory" in await refusal(TokenAuth(token_file=tmp_path / "none"))


async def test_a_pipe_and_a_file_too_large_for_a_token(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(b"a" * 100_000)
    pipe = await refusal(TokenAuth(token_file=tmp_path / "pipe"))
    assert pipe.endswith("cannot be read: a pipe, a socket or a device, not a regular file; it is tried again")
    large = await refusal(TokenAuth(token_file=tmp_path / "large"))
    assert large.endswith("cannot be read: larger than 64 KiB; it is tried again")


def test_a_secret_never_shows() -> None:
    secret = Secret("hvs.planted")
    for text in (repr(secret), str(secret), f"{secret}", repr(TokenAuth(token=secret)), repr([secret])):
        assert "planted" not in text
