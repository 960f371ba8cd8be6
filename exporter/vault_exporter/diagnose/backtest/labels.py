"""Labels that a rule gives its alerts, with the templates that labels of alerts have in practice."""

import re
from collections.abc import Mapping
from typing import Final

__all__ = ["Labels", "UnknownTemplateError", "alert_labels", "varies"]

Labels = tuple[tuple[str, str], ...]
"""A label set, sorted by name. A label without a value is left out, as Prometheus does."""

_ACTION: Final = re.compile(r"\{\{(-?)\s*(.*?)\s*(-?)\}\}", re.DOTALL)
_PART: Final = re.compile(r'"(?:\\.|[^"\\])*"|[^\s"]+')


class UnknownTemplateError(ValueError):
    """A label has a template that a backtest cannot expand."""


def varies(templates: Mapping[str, str]) -> bool:
    """Return whether labels depend on the value of the expression."""
    return any("$value" in text or ".Value" in text for text in templates.values())


def alert_labels(
    name: str, templates: Mapping[str, str], series: Mapping[str, str], value: str, external: Mapping[str, str]
) -> Labels:
    """Return the labels of an alert: those of the series, then those of the rule, then ``alertname``.

    Raises:
        UnknownTemplateError: a template has more than ``$labels``, ``$externalLabels``, ``$value``, texts and ``or``.
    """
    made = {key: text for key, text in series.items() if key != "__name__"}
    plain = dict(made)
    made |= {key: _expanded(key, text, plain, value, external) for key, text in templates.items()}
    made["alertname"] = name
    return tuple(sorted((key, text) for key, text in made.items() if text))


def _expanded(label: str, text: str, series: Mapping[str, str], value: str, external: Mapping[str, str]) -> str:
    def action(found: re.Match[str]) -> str:
        parts = _PART.findall(found[2])
        if parts[:1] == ["or"] and len(parts) > 1:
            values = [_value(label, part, series, value, external) for part in parts[1:]]
            return next((one for one in values if one), values[-1])
        if len(parts) != 1:
            raise UnknownTemplateError(f"its label {label} has the template {{{{ {found[2]} }}}}")
        return _value(label, parts[0], series, value, external)

    trimmed = re.sub(r"\s+(\{\{-)", r"\1", re.sub(r"(-\}\})\s+", r"\1", text))
    return _ACTION.sub(action, trimmed)


def _value(label: str, part: str, series: Mapping[str, str], value: str, external: Mapping[str, str]) -> str:
    head, _, key = part.partition(".") if part.startswith("$") else part.removeprefix(".").partition(".")
    if part.startswith('"'):
        return part[1:-1]
    if head in {"$labels", "Labels"} and key:
        return series.get(key, "")
    if head in {"$externalLabels", "ExternalLabels"} and key:
        return external.get(key, "")
    if part in {"$value", ".Value"}:
        return value
    raise UnknownTemplateError(f"its label {label} has the template {{{{ {part} }}}}")
