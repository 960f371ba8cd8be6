"""The files that configurations of the tests name."""

import os
from pathlib import Path

import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat


def make_files(directory: Path) -> Path:
    """Make certificates, keys, and what is neither."""
    authority, another = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(directory / "ca.pem")
    leaf = authority.issue_cert("client.example.com")
    leaf.cert_chain_pems[0].write_to_path(directory / "client.pem")
    leaf.private_key_pem.write_to_path(directory / "client.key")
    another.issue_cert("client.example.com").private_key_pem.write_to_path(directory / "other.key")
    key = serialization.load_pem_private_key(leaf.private_key_pem.bytes(), None)
    encrypted = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"planted"))
    (directory / "encrypted.key").write_bytes(encrypted)
    (directory / "text").write_text("text\n")
    (directory / "directory").mkdir()
    os.mkfifo(directory / "pipe")
    return directory
