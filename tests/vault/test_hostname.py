"""Whether a certificate is that of a host: Go's rules, on certificates made for each case."""

import _ssl
import asyncio
import ssl
import tempfile
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtensionOID, NameOID

from tests.lab.fake_node import StartNode, target
from tests.vault.conftest import Bao
from vault_exporter.config.schema.model import Target, Tls
from vault_exporter.metrics.reasons import Reason
from vault_exporter.util.logging import is_of_interest
from vault_exporter.vault.client import VaultError
from vault_exporter.vault.connection import connect
from vault_exporter.vault.hostname import HostnameError, ascii_name, check_hostname

Certificate = dict[str, Any]


def named(*names: str) -> Certificate:
    """A certificate with these names; those that trustme would refuse are put in as they are."""
    general = [x509.DNSName(name) for name in names]
    return _self_signed(x509.SubjectAlternativeName(general)) if names else _self_signed(None)


def _decoded(pem: bytes) -> Certificate:
    """What ssl returns of a peer's certificate, without a handshake."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(pem)
        file.flush()
        return dict(_ssl._test_decode_cert(file.name))  # type: ignore[attr-defined]  # noqa: SLF001 - without a handshake


def _self_signed(names: x509.SubjectAlternativeName | None) -> Certificate:
    authority = x509.load_pem_x509_certificate(trustme.CA().cert_pem.bytes())
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "vault.example.com")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(authority.not_valid_before_utc)
        .not_valid_after(authority.not_valid_after_utc)
    )
    if names is not None:
        builder = builder.add_extension(names, critical=False)
    return _decoded(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))


def issued(*names: str) -> Certificate:
    """A certificate of trustme, which knows IP addresses and international names."""
    return _decoded(trustme.CA().issue_cert(*names).cert_chain_pems[0].bytes())


# As Go's TestMatchHostnames and its verifier's tests have them, and the names of Vault's guides.
FITS = [
    ("*.vault-internal", "vault-0.vault-internal"),
    ("*.vault-internal", "VAULT-0.Vault-Internal"),
    ("*.vault-internal.vault.svc.cluster.local", "vault-0.vault-internal.vault.svc.cluster.local"),
    ("*.com", "example.com"),
    ("vault", "vault"),
    ("vault.example.com", "vault.example.com"),
    ("Vault.Example.COM", "vault.example.com"),
    ("vault.example.com", "vault.example.com."),
    ("vault_0.example.com", "vault_0.example.com"),
    ("xn--bcher-kva.example", "xn--bcher-kva.example"),
    ("*.xn--bcher-kva.example", "a.xn--bcher-kva.example"),
    ("*.example.com", "xn--bcher-kva.example.com"),
]
FITS_NOT = [
    ("*.vault-internal", "vault-internal"),
    ("*.vault-internal", "a.vault-0.vault-internal"),
    ("*.vault-internal", ".vault-internal"),
    ("*.vault-internal", "vault-0.vault-internal.evil"),
    ("*", "vault"),
    ("*", "vault.example.com"),
    ("*.*.com", "a.b.com"),
    ("vault.*.com", "vault.example.com"),
    ("v*.example.com", "vault.example.com"),
    ("*t.example.com", "vault.example.com"),
    ("va*lt.example.com", "vault.example.com"),
    ("**.example.com", "vault.example.com"),
    ("xn--*.example.com", "xn--bcher-kva.example.com"),
    ("*.example.com", "vault.example.org"),
    ("vault.example.com", "vault.example.com.evil"),
    ("vault.example.com.", "vault.example.com"),
    ("vault.example.com", "ault.example.com"),
    ("vault.example.com", ""),
    (".", "."),
    ("10.0.0.1", "10.0.0.1"),
]


@pytest.mark.parametrize(("name", "host"), FITS)
def test_the_certificate_of_the_host(name: str, host: str) -> None:
    check_hostname(named("other.example.org", name), host)


@pytest.mark.parametrize(("name", "host"), FITS_NOT)
def test_the_certificate_of_another_host(name: str, host: str) -> None:
    with pytest.raises(HostnameError, match="the certificate is for "):
        check_hostname(named("other.example.org", name), host)


def test_the_common_name_does_not_count() -> None:
    for certificate, said in (
        (named(), "the certificate has no subject alternative name"),
        (named("b.example.com"), "the certificate is for b.example.com, not for vault.example.com"),
    ):
        with pytest.raises(HostnameError) as caught:
            check_hostname(certificate, "vault.example.com")
        assert str(caught.value) == said


def test_ip_addresses() -> None:
    certificate = issued("10.0.0.1", "2001:db8::1", "fe80::1", "vault.example.com")
    for host in ("10.0.0.1", "2001:db8::1", "[2001:db8::1]", "2001:DB8:0::0001", "fe80::1%eth0", "vault.example.com"):
        check_hostname(certificate, host)
    for host in ("10.0.0.2", "2001:db8::2", "::ffff:10.0.0.1", "10.0.0.1.example.com", "1.0.0.10"):
        with pytest.raises(HostnameError):
            check_hostname(certificate, host)


def test_international_names() -> None:
    certificate = issued("bücher.example", "*.bücher.example")
    check_hostname(certificate, ascii_name("bücher.example"))
    check_hostname(certificate, ascii_name("vault.bücher.example"))
    with pytest.raises(HostnameError):
        check_hostname(certificate, ascii_name("bucher.example"))


def test_names_of_other_kinds_do_not_count() -> None:
    general = [
        x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "vault")])),
        x509.RFC822Name("vault"),
        x509.UniformResourceIdentifier("vault"),
        x509.RegisteredID(NameOID.COMMON_NAME),
        x509.IPAddress(IPv4Address("10.0.0.1")),
    ]
    with pytest.raises(HostnameError, match=r"the certificate is for 10\.0\.0\.1, not for vault"):
        check_hostname(_self_signed(x509.SubjectAlternativeName(general)), "vault")


def test_an_address_that_cannot_be_read() -> None:
    with pytest.raises(HostnameError, match="cannot be read"):
        check_hostname({"subjectAltName": (("DNS", "vault"), ("IP Address", "<invalid>"))}, "vault")


def test_a_message_is_short_and_steers_no_terminal() -> None:
    with pytest.raises(HostnameError) as caught:
        check_hostname(named("\x1b[31m" + "a" * 500, *(f"{n}.example.com" for n in range(50))), "vault")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 250


async def test_nothing_is_sent_to_a_host_with_the_certificate_of_another(start_node: StartNode, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("*.vault-internal").configure_cert(context)
    node = await start_node(tls=context)

    async def reason(**tls: object) -> Reason | None:
        client, _ = connect(target(node, tls=Tls(ca_cert=tmp_path / "ca.pem", **tls)))  # type: ignore[arg-type]
        try:
            assert (await client.get("sys/health")).status == 200
        except VaultError as error:
            return error.reason if "the certificate is for *.vault-internal, not for" in str(error) else None
        finally:
            await client.close()
        return None

    assert await reason(server_name="vault-0.vault-internal") is None
    assert node.calls.total() == 1
    for name in (None, "vault-internal", "a.b.vault-internal", "127.0.0.1"):
        assert await reason(server_name=name) is Reason.TLS
    assert node.calls.total() == 1
    assert await reason(server_name="vault", insecure_skip_verify=True) is None


async def test_the_wildcard_of_vaults_guides_on_a_real_server(bao: Bao) -> None:
    for name, fits in (("vault-0.vault-internal", True), ("a.vault-0.vault-internal", False), ("127.0.0.1", True)):
        client, _ = connect(Target("n1", bao.tls_address, tls=Tls(ca_cert=bao.ca, server_name=name)))
        try:
            seen: object = (await client.get("sys/health")).status
        except VaultError as error:
            seen = error.reason
        finally:
            await client.close()
        assert seen == (200 if fits else Reason.TLS)


async def test_a_chain_that_is_not_trusted_is_refused_whatever_its_name(start_node: StartNode, tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    node = await start_node(tls=_listener("127.0.0.1"))
    client, _ = connect(target(node, tls=Tls(ca_cert=tmp_path / "ca.pem")))
    with pytest.raises(VaultError, match="certificate") as caught:
        await client.get("sys/health")
    await client.close()
    assert caught.value.reason is Reason.TLS
    assert not node.calls


def _listener(name: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert(name).configure_cert(context)
    return context


@pytest.mark.parametrize("name", [b"\x82\x02\xff\xfe", b"\x81\x04m\xfc@x", b"\x86\x09http://\xfc/"])
async def test_a_certificate_with_text_that_is_not_utf_8(
    start_node: StartNode, tmp_path: Path, caplog: pytest.LogCaptureFixture, name: bytes
) -> None:
    """Python cannot decode a name, mail address or URL in it. It is one reason, and no traceback in the log."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    names = name + b"\x87\x04\x7f\x00\x00\x01"  # 127.0.0.1
    _signed(authority, b"\x30" + bytes([len(names)]) + names, tmp_path / "node.pem")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "node.pem")
    node = await start_node(tls=context)
    client, _ = connect(target(node, tls=Tls(ca_cert=tmp_path / "ca.pem")))
    with pytest.raises(VaultError, match="is not in UTF-8") as caught:
        await client.get("sys/health")
    assert await client.certificate() == ssl.PEM_cert_to_DER_cert((tmp_path / "only.pem").read_text())
    await client.close()
    assert caught.value.reason is Reason.TLS
    assert not node.calls
    assert {is_of_interest(record) for record in caplog.records} == {False}
    asyncio.get_running_loop().call_soon(b"\xff".decode)
    await asyncio.sleep(0)
    assert is_of_interest(caplog.records[-1])  # a mistake of ours


def _signed(authority: trustme.CA, names: bytes, file: Path) -> None:
    """Write a certificate with these names (DER), which trustme and cryptography would refuse, and its key."""
    issuer = x509.load_pem_x509_certificate(authority.cert_pem.bytes())
    signer, key = load_pem_private_key(authority.private_key_pem.bytes(), None), ec.generate_private_key(ec.SECP256R1())
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "node")]))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(issuer.not_valid_before_utc)
        .not_valid_after(issuer.not_valid_after_utc)
        .add_extension(x509.UnrecognizedExtension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, names), critical=False)
    )
    certificate = builder.sign(signer, hashes.SHA256()).public_bytes(Encoding.PEM)
    file.with_name("only.pem").write_bytes(certificate)
    file.write_bytes(certificate + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
