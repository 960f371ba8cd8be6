"""The JSON Schema of the configuration file, for editors.

It is made of the same structs that the file is read into, and is a little wider than the loader: it does not know what
must hold between keys, nor whether files exist. What the loader takes, the schema takes, too.
"""

import ast
import enum
import inspect
import re
import sys
import types
from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, Union, get_args, get_origin

import msgspec

from vault_exporter.config.parse import values
from vault_exporter.config.schema import inputs, logins, model, watched
from vault_exporter.config.schema.shard import Shard

__all__ = ["json_schema"]

Schema = dict[str, Any]

DRAFT: Final = "http://json-schema.org/draft-07/schema#"
"""The newest version that the YAML language server knows in full."""


def json_schema() -> Schema:
    """Return the schema of the whole file."""
    definitions: dict[str, Schema] = {}
    root = _struct(model.Config, definitions)
    return {
        "$schema": DRAFT,
        "title": "Configuration of vault-exporter",
        **root,
        "definitions": dict(sorted(definitions.items())),
    }


def _text(pattern: str = "", **more: object) -> Schema:
    return {"type": "string", "minLength": 1, **({"pattern": f"^(?:{pattern})$"} if pattern else {}), **more}


_NUMBER: Final[Schema] = {"type": "integer", "exclusiveMinimum": 0}

_SCALARS: Final[Mapping[object, Schema]] = {
    str: _text(),
    bool: {"type": "boolean"},
    int: _NUMBER,
    Path: _text(),
    model.Duration: _text(values.DURATION, examples=["500ms", "5s", "1m30s"]),
    model.Listen: _text(examples=[":9410", "127.0.0.1:9410"]),
    logins.Mount: _text(),
    watched.Engine: _text(),
    logins.Password: _text(),
    model.Name: _text(values.NAME),
    model.AllowedHost: _text(examples=["vault.example.com", "*.example.com", "10.0.0.0/8"]),
    model.Scheme: {"enum": ["http", "https"]},
    model.Secret: _text(),
    model.Size: {"anyOf": [_NUMBER, _text(values.SIZE, examples=["512KiB", "16MiB"])]},
    model.Pem: _text(),
    Shard: _text(values.SHARD, examples=["0/4", "vault-exporter-0/4"]),
    model.ProxyUrl: _text(examples=["http://proxy.example.com:3128"]),
    model.RateLimit: {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, _text(values.RATE, examples=["10:20"])]},
    model.Url: _text(r"([Hh][Tt][Tt][Pp][Ss]?|unix)://.+", examples=["https://vault.example.com:8200"]),
    inputs.Address: _text(rf"({'|'.join(inputs.Scheme)})://.+", examples=["tcp://127.0.0.1:9411"]),
    inputs.Mode: _text("0?[0-7]{3}", examples=["0660"]),
    inputs.Network: _text(examples=["10.0.0.0/8"]),
}
"""Single values, as :data:`vault_exporter.config.load.READERS` reads them."""


def _schema(kind: Any, definitions: dict[str, Schema]) -> Schema:  # noqa: ANN401 - an annotation
    if kind in _SCALARS:
        return dict(_SCALARS[kind])
    arguments = get_args(kind)
    if get_origin(kind) is tuple:
        return {"type": "array", "items": _schema(arguments[0], definitions)}
    if get_origin(kind) is dict:
        return {"type": ["object", "null"], "additionalProperties": _schema(arguments[1], definitions)}
    if get_origin(kind) in {Union, types.UnionType}:
        kinds = [_schema(one, definitions) for one in arguments if one is not types.NoneType]
        return kinds[0] if len(kinds) == 1 else {"oneOf": kinds}
    if issubclass(kind, enum.StrEnum):
        return {"enum": [member.value for member in kind]}
    if kind.__name__ not in definitions:
        definitions[kind.__name__] = _struct(kind, definitions)
    return {"$ref": f"#/definitions/{kind.__name__}"}


def _struct(kind: type[msgspec.Struct], definitions: dict[str, Schema]) -> Schema:
    fields = msgspec.structs.fields(kind)
    tag = kind.__struct_config__.tag_field
    # Keys that `defaults` can give are not required in a target or a discovery.
    shared = model.NodeSettings.__struct_fields__ if issubclass(kind, model.NodeSettings) else ()
    required = [*([tag] if tag else []), *(one.name for one in fields if one.required and one.name not in shared)]
    properties = {tag: {"const": kind.__struct_config__.tag}} if tag else {}
    properties |= {one.name: _property(kind, one, definitions) for one in fields}
    return {
        "description": _plain(inspect.getdoc(kind) or ""),
        # A section whose keys are all commented out has no value.
        "type": "object" if required else ["object", "null"],
        "properties": properties,
        "additionalProperties": False,
        **({"required": required} if required else {}),
    }


def _property(kind: type, field: msgspec.structs.FieldInfo, definitions: dict[str, Schema]) -> Schema:
    schema = _schema(field.type, definitions)
    description = _described(kind, field.name)
    default = field.default
    more: Schema = {"description": description} if description else {}
    if isinstance(default, bool | str) or (isinstance(default, int) and field.type in {int, model.Size}):
        more["default"] = default
    if "$ref" in schema and more:
        return {"allOf": [schema], **more}  # draft 7 ignores what stands beside a reference
    return schema | more


def _described(kind: type, name: str) -> str:
    """Return the docstring below a field, of the class that declares it."""
    for base in kind.__mro__:
        if base.__module__.startswith(__package__ or "") and name in (
            found := _docstrings(base.__module__, base.__name__)
        ):
            return _plain(found[name])
    return ""


@cache
def _docstrings(module: str, name: str) -> dict[str, str]:
    """Return the docstrings of a class's fields; Python itself does not keep them."""
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    body = next((node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name), [])
    found = {}
    for field, text in pairwise(body):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=key)), ast.Expr(value=ast.Constant(value=str(words))):
                found[key] = inspect.cleandoc(words)
    return found


def _plain(text: str) -> str:
    """Return the first paragraph without the markup of docstrings."""
    paragraph = " ".join(text.partition("\n\n")[0].split())
    paragraph = re.sub(r":\w+:`([^`]+)`", r"`\1`", paragraph)
    return paragraph.replace("``", "`")
