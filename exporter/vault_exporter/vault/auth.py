"""Where the token for a target comes from."""

import os

from vault_exporter.config.model import NoAuth, Secret, TokenAuth

__all__ = ["TokenSource"]


class TokenSource:
    """The current token of a target: the configured one, or what its file holds at the moment.

    A token file is read again when it changes, so the sink of a Vault agent works. What is kept between scrapes is
    the last token read and the identity of the file it was read from.
    """

    def __init__(self, auth: NoAuth | TokenAuth) -> None:
        self._path = auth.token_file if isinstance(auth, TokenAuth) else None
        self._token = auth.token if isinstance(auth, TokenAuth) else None
        self._seen: tuple[int, int, int] | None = None

    def current(self) -> Secret | None:
        """Return the token, or None where there is none: no auth, or a token file that is missing or empty.

        A file that cannot be read for the moment is no error here; Vault's refusal says so in the metrics.
        """
        if self._path is not None:
            try:
                with self._path.open(encoding="ascii") as file:
                    status = os.fstat(file.fileno())
                    seen = (status.st_ino, status.st_mtime_ns, status.st_size)
                    if seen != self._seen:
                        text = file.read().strip()
                        self._token = Secret(text) if text.isprintable() and text else None
                        self._seen = seen
            except (OSError, UnicodeDecodeError):
                self._token, self._seen = None, None
        return self._token
