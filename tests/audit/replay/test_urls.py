"""URLs as names and errors show them: without passwords, and without the values of queries."""

import pytest

from vault_exporter.audit.replay.urls import masked


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("s3://bucket/vault/*.gz", "s3://bucket/vault/*.gz"),
        ("s3://KEY:secret@bucket/a@b.gz", "s3://KEY:***@bucket/a@b.gz"),
        ("s3://KEY:sec/ret@bucket/a", "s3://KEY:***@bucket/a"),
        ("s3://bucket/team@example.com/a.gz", "s3://bucket/team@example.com/a.gz"),
        ("https://secret@host:8443/a", "https://***@host:8443/a"),
        ("https://host:8443/a@b", "https://host:8443/a@b"),
        ("https://[::1]:8443/a@b", "https://[::1]:8443/a@b"),
        ("https://u:p@ss@host/a", "https://u:***@host/a"),
        ("https://host/a?sv=2026&sig=secret%3D", "https://host/a?sv=***&sig=***"),
        ("s3://bucket/audit-?.gz", "s3://bucket/audit-?.gz"),
        ("s3://bucket/a.gz?versionId=7", "s3://bucket/a.gz?versionId=7"),
        ("simplecache::https://u:secret@host/a", "simplecache::https://u:***@host/a"),
        ("audit.log", "audit.log"),
        ("https://u:secret@host/a?next=https://host/", "https://u:***@host/a?next=***"),
        ("https://u:secret@host/a?x=://secret", "https://u:***@host/a?x=***"),
        ("https://u:secret@host/a://b", "https://u:***@host/a://b"),
        ("https://u:sec?ret@host/a", "https://u:***@host/a"),
        ("https://u:sec#ret@host:1/a?b=secret", "https://u:***@host:1/a?b=***"),
        ("https://u:secret@host/a::s3://KEY:secret@bucket/b", "https://u:***@host/a::s3://KEY:***@bucket/b"),
        ("zip://a.log::https://u:secret@host/a.zip", "zip://a.log::https://u:***@host/a.zip"),
        ("https://host/a?secret", "https://host/a?***"),
        ("https://host/a#token=secret", "https://host/a#***"),
        ("https://host/a?versionId=7&sig=secret;x=secret", "https://host/a?versionId=7&sig=***;x=***"),
        ("s3://bucket/a?xversionId=secret", "s3://bucket/a?xversionId=***"),
    ],
)
def test_no_secret_is_shown(url: str, shown: str) -> None:
    assert masked(url) == shown
