"""The table of exporter-toolkit's good and bad web configuration files, written anew, with our verdicts.

Columns: what the case is about, the file, whether the toolkit takes it, what we say of it (None: we take it), and why
where the verdicts differ.
"""

from typing import Final, NamedTuple

HASH: Final = "$2y${cost}$Q8eX0V2b0uKyFf0sVUVnwO8ZqX6ZcP1Dq3Z6Jm3Z1h8m2q0f7V9eS"
PAIR: Final = "cert_file: client.pem, key_file: client.key"
CIPHERS: Final = (
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, "
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, "
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, "
    "TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256, "
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA, "
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"
)


class Case(NamedTuple):
    what: str
    text: str
    toolkit_takes_it: bool
    error: str | None = None
    """The end of our message."""
    reason: str = ""
    """Why our verdict differs."""


def tls(keys: str) -> str:
    return f"tls_server_config: {{{keys}}}\n"


def users(cost: str) -> str:
    return f"basic_auth_users: {{prometheus: '{HASH.replace('{cost}', cost)}'}}\n"


def headers(keys: str) -> str:
    return f"http_server_config: {{headers: {{{keys}}}}}\n"


CASES: Final = (
    Case("an empty file", "", True),
    Case(
        "a key that is not known",
        "basic: 1\n",
        False,
        "known here: basic_auth_users, http_server_config, rate_limit, tls_server_config",
    ),
    Case("a list", "- tls_server_config\n", False, "must be a mapping, not a list"),
    Case("an empty section", tls(""), True),
    Case("a section without a value", "tls_server_config:\n", True),
    Case("keys without values", "tls_server_config:\n  cert_file:\n  client_auth_type:\n  cipher_suites:\n", True),
    Case("only a version, which is plain HTTP", tls("min_version: TLS13"), True),
    Case("certificate and key", tls(PAIR), True),
    Case("no certificate", tls("key_file: client.key"), False, "cert_file is missing; a server needs a certificate"),
    Case(
        "an empty certificate",
        tls("cert_file: '', key_file: client.key"),
        False,
        "cert_file is missing; a server needs a certificate",
    ),
    Case(
        "an empty inline certificate",
        tls("cert: '', key_file: client.key"),
        False,
        "cert_file is missing; a server needs a certificate",
    ),
    Case("no key", tls("cert_file: client.pem"), False, "key_file is missing; a server needs its certificate's key"),
    Case(
        "an empty key",
        tls("cert_file: client.pem, key_file: ''"),
        False,
        "key_file is missing; a server needs its certificate's key",
    ),
    Case(
        "neither, but something asked of clients",
        tls("client_auth_type: RequireAndVerifyClientCert"),
        False,
        "cert_file is missing; a server needs a certificate",
    ),
    Case(
        "a certificate that is not there",
        tls("cert_file: none.pem, key_file: client.key"),
        False,
        "cannot be read: No such file or directory",
    ),
    Case(
        "a key that is not there",
        tls("cert_file: client.pem, key_file: none.key"),
        False,
        "cannot be read: No such file or directory",
    ),
    Case("NoClientCert", tls(f"{PAIR}, client_auth_type: NoClientCert"), True),
    Case("an empty client_auth_type", tls(f"{PAIR}, client_auth_type: ''"), True),
    Case("RequestClientCert", tls(f"{PAIR}, client_auth_type: RequestClientCert"), True),
    Case(
        "RequireAnyClientCert",
        tls(f"{PAIR}, client_auth_type: RequireAnyClientCert"),
        True,
        "Python's TLS cannot take a certificate without verifying it; use RequireAndVerifyClientCert",
        "it lets in whoever makes a certificate for himself, and Python's TLS has no such mode",
    ),
    Case(
        "VerifyClientCertIfGiven without an authority", tls(f"{PAIR}, client_auth_type: VerifyClientCertIfGiven"), True
    ),
    Case(
        "RequireAndVerifyClientCert without an authority",
        tls(f"{PAIR}, client_auth_type: RequireAndVerifyClientCert"),
        True,
    ),
    Case("an authority", tls(f"{PAIR}, client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem"), True),
    Case(
        "an authority that nothing is asked of",
        tls(f"{PAIR}, client_ca_file: ca.pem"),
        False,
        "has no effect; set client_auth_type: RequireAndVerifyClientCert",
    ),
    Case(
        "an authority that is not there",
        tls(f"{PAIR}, client_auth_type: RequireAndVerifyClientCert, client_ca_file: none.pem"),
        False,
        "cannot be read: No such file or directory",
    ),
    Case(
        "an authority that is no certificate",
        tls(f"{PAIR}, client_auth_type: RequireAndVerifyClientCert, client_ca_file: text"),
        True,
        "not a certificate in PEM format",
        "the toolkit, but for its newest version, takes the file and lets nobody in",
    ),
    Case(
        "an unknown client_auth_type",
        tls(f"{PAIR}, client_auth_type: Any"),
        False,
        "it is one of NoClientCert, RequestClientCert, VerifyClientCertIfGiven, RequireAndVerifyClientCert",
    ),
    Case(
        "names",
        tls(
            f"{PAIR}, client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem, client_allowed_sans: [one, two]"
        ),
        True,
    ),
    Case(
        "no name, so nobody gets in",
        tls(f"{PAIR}, client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem, client_allowed_sans: []"),
        True,
    ),
    Case(
        "names, and certificates that may be missing",
        tls(f"{PAIR}, client_auth_type: VerifyClientCertIfGiven, client_allowed_sans: [one]"),
        True,
        "needs client_auth_type: RequireAndVerifyClientCert",
        "older versions of the toolkit take it; newer ones refuse it, too",
    ),
    Case("all ciphers", tls(f"{PAIR}, cipher_suites: [{CIPHERS}]"), True),
    Case(
        "some ciphers",
        tls(f"{PAIR}, cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256], prefer_server_cipher_suites: false"),
        True,
    ),
    Case(
        "a cipher that is invented",
        tls(f"{PAIR}, cipher_suites: [TLS_RSA_WITH_NOTHING]"),
        False,
        "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    ),
    Case(
        "a cipher without forward secrecy",
        tls(f"{PAIR}, cipher_suites: [TLS_RSA_WITH_AES_128_CBC_SHA]"),
        True,
        "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
        "Go counts it among the insecure ones since 1.22, and a toolkit built with that refuses it, too",
    ),
    Case(
        "a cipher without HTTP/2",
        tls(f"{PAIR}, cipher_suites: [TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384], max_version: TLS12"),
        True,
    ),
    Case("all curves", tls(f"{PAIR}, curve_preferences: [CurveP256, CurveP384, CurveP521, X25519]"), True),
    Case("a curve", tls(f"{PAIR}, curve_preferences: [CurveP521]"), True),
    Case(
        "a curve that is invented",
        tls(f"{PAIR}, curve_preferences: [CurveP999]"),
        False,
        "choose from X25519, CurveP256, CurveP384, CurveP521",
    ),
    Case("an old version as the least", tls(f"{PAIR}, min_version: TLS10"), True),
    Case(
        "an old version as the most",
        tls(f"{PAIR}, min_version: TLS10, max_version: TLS11"),
        True,
        "TLS before 1.2 is broken, and OpenSSL refuses it",
        "nothing that OpenSSL speaks is left",
    ),
    Case(
        "a version that is invented",
        tls(f"{PAIR}, min_version: TLS14"),
        False,
        "it is one of TLS10, TLS11, TLS12, TLS13",
    ),
    Case("HTTP/2 off", f"{tls(PAIR)}http_server_config: {{http2: false}}\n", True),
    Case("headers", headers("X-Frame-Options: deny, X-XSS-Protection: 1, X-Content-Type-Options: nosniff"), True),
    Case("a header without a value", headers("Content-Security-Policy: , Strict-Transport-Security: ''"), True),
    Case(
        "a header without a value, of which few are allowed",
        headers("X-Frame-Options: ''"),
        False,
        None,
        "the toolkit's documentation says that it is then not set",
    ),
    Case("a header that cannot be set", headers("Cache-Control: no-store"), False, "Strict-Transport-Security"),
    Case(
        "a value that is not allowed",
        headers("X-Frame-Options: allow"),
        False,
        "X-Frame-Options is one of deny, sameorigin",
    ),
    Case(
        "a line break in a header",
        headers('Content-Security-Policy: "a\\nb"'),
        True,
        "has characters that a header cannot have",
        "Go leaves the line break out of every answer",
    ),
    Case("users", users("04"), True),
    Case("a costly hash", users("18"), True),
    Case(
        "a hash that takes hours",
        users("31"),
        True,
        "a cost outside 4 to 20, for each login; take 10 to 12",
        "whoever names that user would hold up everybody's first login for hours",
    ),
    Case("a password that is not hashed", "basic_auth_users: {john: doe}\n", False, "has a command that makes one"),
    Case(
        "a user that cannot log in",
        users("04").replace("prometheus", "'a:b'"),
        True,
        "a user whose name is empty, or has a colon or an unprintable character",
        "the name ends at the colon where the client sends it",
    ),
    Case("no limit", "rate_limit: {interval: 0, burst: 0}\n", True),
    Case("a limit", "rate_limit: {interval: 1s, burst: 20}\n", True),
    Case("a fraction of a second", "rate_limit: {interval: 1.5s, burst: 1}\n", True),
    Case("microseconds", "rate_limit: {interval: 500us, burst: 1}\n", True),
    Case("several units", "rate_limit: {interval: 1m30s, burst: 1}\n", True),
    Case(
        "a unit that is invented",
        "rate_limit: {interval: 5 parsecs}\n",
        False,
        "write it with a unit, like 500ms, 5s, 1m30s",
    ),
    Case(
        "a number without a unit",
        "rate_limit: {interval: 5, burst: 1}\n",
        True,
        "write it with a unit, like 500ms, 5s, 1m30s",
        "Go takes it for nanoseconds, which nobody means",
    ),
    Case(
        "a limit that lets nobody in",
        "rate_limit: {interval: 5s, burst: 0}\n",
        True,
        "0 lets no request through; give at least 1, or leave rate_limit out",
        "an exporter that answers nobody is a mistake",
    ),
)
