"""Certificates, and files for ``web_config_file`` that follow one another."""

import base64
import ssl
from pathlib import Path

import bcrypt
import trustme

PASSWORD = "planted-password"
HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
USERS = f'basic_auth_users: {{prometheus: "{HASH}"}}\n'
TLS = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.pem\n"
"""Certificate and key are in one file, so that both change at once."""
REQUIRED = "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n"
IF_GIVEN = "  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: ca.pem\n"


def login(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


LOGIN = login("prometheus", PASSWORD)


class Certificates:
    """What servers and clients show: two authorities, of which each signed a server's and a client's certificate."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.first, self.second = trustme.CA(), trustme.CA()
        self.server(self.first)
        self.trusted(self.first)

    def server(self, authority: trustme.CA) -> None:
        """Write a new certificate of the server."""
        replace(
            self._directory / "server.pem", authority.issue_cert("localhost").private_key_and_cert_chain_pem.bytes()
        )

    def trusted(self, *authorities: trustme.CA) -> None:
        """Write whose clients are let in."""
        replace(self._directory / "ca.pem", b"".join(one.cert_pem.bytes() for one in authorities))

    def client(self, authority: trustme.CA | None = None) -> ssl.SSLContext:
        """Make the context of a client that trusts both, and has a certificate of this one."""
        context = ssl.create_default_context()
        for one in (self.first, self.second):
            one.configure_trust(context)
        if authority is not None:
            authority.issue_cert("prometheus.example.com").configure_cert(context)
        return context


def replace(path: Path, content: bytes) -> None:
    temporary = path.with_suffix(".new")
    temporary.write_bytes(content)
    temporary.replace(path)
