"""The configuration as loaded, with its secrets left out."""

from pathlib import Path
from typing import Any, Final

import msgspec

from vault_exporter.config.schema.model import Config
from vault_exporter.config.schema.secret import Secret

__all__ = ["shown"]

_HIDDEN: Final = "<secret>"
_WIDTH: Final = 100


def shown(config: Config) -> str:
    """Return the configuration as YAML. Durations are in seconds, sizes in bytes."""
    import yaml  # noqa: PLC0415 - only whoever opens the page needs it

    plain = msgspec.to_builtins(config, enc_hook=_plain)
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=_WIDTH)


def _plain(value: Any) -> str:  # noqa: ANN401 - as in msgspec
    if isinstance(value, Secret):
        return _HIDDEN
    if isinstance(value, Path):
        return str(value)
    raise NotImplementedError(type(value).__name__)
