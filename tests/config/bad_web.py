"""Files for ``web_config_file`` that are wrong, and exactly what is said about them; ``@`` is as in ``bad.py``."""

from typing import Final

HASH: Final = "$2y$04$Q8eX0V2b0uKyFf0sVUVnwO8ZqX6ZcP1Dq3Z6Jm3Z1h8m2q0f7V9eS"
PAIR: Final = "cert_file: client.pem, key_file: client.key"

CASES: Final[list[tuple[str, str, list[str]]]] = [
    (
        "unknown key",
        "basic_auth_user: {}\n",
        [
            (
                "web.yml:1: basic_auth_user: unknown key; did you mean basic_auth_users? "
                "Known here: basic_auth_users, http_server_config, rate_limit, tls_server_config"
            )
        ],
    ),
    (
        "a password that is not hashed",
        "basic_auth_users:\n  prometheus: planted\n",
        [
            (
                "web.yml:2: basic_auth_users.prometheus: not a bcrypt hash; "
                "docs/configuration.md, Access to the exporter, has a command that makes one"
            )
        ],
    ),
    (
        "a hash that takes minutes",
        f"basic_auth_users: {{a: '{HASH.replace('$04$', '$31$')}'}}\n",
        ["web.yml:1: basic_auth_users.a: a cost outside 4 to 20, for each login; take 10 to 12"],
    ),
    (
        "users as a list",
        "basic_auth_users: [planted]\n",
        ["web.yml:1: basic_auth_users: must be a mapping, not a list"],
    ),
    (
        "a user that cannot log in",
        f"basic_auth_users: {{'a:b': '{HASH}'}}\n",
        ["web.yml:1: basic_auth_users: a user whose name is empty, or has a colon or an unprintable character"],
    ),
    *(
        (f"bad TLS {tls}", f"tls_server_config: {{{tls}}}\n", [f"web.yml:1: tls_server_config{error}"])
        for tls, error in (
            ("cert_file: client.pem", ": key_file is missing; a server needs its certificate's key"),
            ("key_file: client.key", ": cert_file is missing; a server needs a certificate"),
            (
                "cert_file: none.pem, key_file: client.key",
                ".cert_file: none.pem cannot be read: No such file or directory",
            ),
            ("cert_file: client.pem, key_file: other.key", ".key_file: not the certificate's key"),
            (
                "cert_file: client.pem, key_file: encrypted.key",
                ".cert_file: this and its key are no certificate and key in PEM format, or the key is encrypted",
            ),
            ("cert: planted, key_file: client.key", ".cert: not in PEM format"),
            (
                f"{PAIR}, client_ca_file: ca.pem",
                ".client_ca_file: has no effect; set client_auth_type: RequireAndVerifyClientCert",
            ),
            (
                f"{PAIR}, client_auth_type: RequireAnyClientCert",
                (
                    ".client_auth_type: Python's TLS cannot take a certificate without verifying it; "
                    "use RequireAndVerifyClientCert"
                ),
            ),
            (
                f"{PAIR}, client_auth_type: Any",
                (
                    ".client_auth_type: not supported; it is one of NoClientCert, RequestClientCert, "
                    "VerifyClientCertIfGiven, RequireAndVerifyClientCert"
                ),
            ),
            (
                f"{PAIR}, client_auth_type: VerifyClientCertIfGiven, client_ca_file: text",
                ".client_ca_file: not a certificate in PEM format",
            ),
            (
                f"{PAIR}, client_allowed_sans: [a]",
                ".client_allowed_sans: needs client_auth_type: RequireAndVerifyClientCert",
            ),
            (f"{PAIR}, min_version: SSL30", ".min_version: not supported; it is one of TLS10, TLS11, TLS12, TLS13"),
            (f"{PAIR}, max_version: TLS11", ".max_version: TLS before 1.2 is broken, and OpenSSL refuses it"),
            (
                f"{PAIR}, max_version: TLS12, cipher_suites: [TLS_AES_128_GCM_SHA256]",
                ".cipher_suites: has none for TLS 1.2, and max_version allows no other",
            ),
            (f"{PAIR}, min_version: TLS13, max_version: TLS12", ".min_version: above max_version"),
            (
                f"{PAIR}, curve_preferences: [X25519MLKEM768]",
                (
                    ".curve_preferences: Python's TLS cannot be told to use it; add one of X25519, CurveP256, "
                    "CurveP384, CurveP521"
                ),
            ),
            (
                f"{PAIR}, curve_preferences: [P256]",
                ".curve_preferences: not known; choose from X25519, CurveP256, CurveP384, CurveP521",
            ),
        )
    ),
    (
        "a header that the format does not have",
        "http_server_config: {headers: {X-Evil: a}}\n",
        [
            (
                "web.yml:1: http_server_config.headers: a header that cannot be set; it is one of "
                "Content-Security-Policy, X-Frame-Options, X-Content-Type-Options, X-XSS-Protection, "
                "Strict-Transport-Security"
            )
        ],
    ),
    (
        "a header's value",
        "http_server_config: {headers: {X-Frame-Options: allow}}\n",
        ["web.yml:1: http_server_config.headers: X-Frame-Options is one of deny, sameorigin"],
    ),
    (
        "an interval",
        "rate_limit: {interval: 5}\n",
        ["web.yml:1: rate_limit.interval: not a duration; write it with a unit, like 500ms, 5s, 1m30s"],
    ),
    (
        "a limit that lets nobody in",
        "rate_limit: {interval: 5s, burst: 0}\n",
        ["web.yml:1: rate_limit.burst: 0 lets no request through; give at least 1, or leave rate_limit out"],
    ),
]
