"""Convert the pack's Alertmanager subtree to an AlertmanagerConfig of the Prometheus operator."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import yaml

from vault_exporter.alert_rules.rules import PackError
from vault_exporter.assets import resource

__all__ = ["KEYS_SECRET", "alertmanager_config", "subtree", "templates"]

KEYS_SECRET: Final = "vault-pagerduty"  # noqa: S105 - the name of a Secret
"""Secret with PagerDuty's routing keys, under the names of the key files."""

_DEFINITION: Final = re.compile(r'\{\{ define "([^"]+)" -\}\}\n?(.*?)\n?\{\{- end \}\}\n(?=\n|\Z)', re.DOTALL)
_COMMENT: Final = re.compile(r"\{\{/\*.*?\*/\}\}\s*", re.DOTALL)
_CALL: Final = re.compile(r'template "([^"]+)"')
_MATCHER: Final = re.compile(r'(\w+) (=~|!~|!=|=) "(.*)"')
_ROUTE: Final = {
    "receiver": "receiver",
    "group_by": "groupBy",
    "group_wait": "groupWait",
    "group_interval": "groupInterval",
    "repeat_interval": "repeatInterval",
    "continue": "continue",
}
_PAGERDUTY: Final = {
    "send_resolved": "sendResolved",
    "severity": "severity",
    "description": "description",
    "source": "source",
    "component": "component",
    "group": "group",
    "class": "class",
    "client": "client",
    "client_url": "clientURL",
}
_WEBHOOK: Final = {"url": "url", "send_resolved": "sendResolved", "max_alerts": "maxAlerts"}

Json = dict[str, Any]


def subtree() -> Json:
    """Return the subtree as it is in ``alerts/alertmanager``.

    Raises:
        ResourceError: the file is missing from this installation.
    """
    read: Json = yaml.safe_load(resource("alerts", "alertmanager", "subtree.yml").read_text(encoding="utf-8"))
    return read


def templates() -> str:
    """Return the templates that the subtree uses.

    Raises:
        ResourceError: the file is missing from this installation.
    """
    return resource("alerts", "alertmanager", "vault.tmpl").read_text(encoding="utf-8")


def alertmanager_config(keys_secret: str = KEYS_SECRET) -> Json:
    """Return the ``spec`` of an AlertmanagerConfig with the routes, receivers and inhibitions of the subtree.

    An AlertmanagerConfig cannot bring templates. So each text contains the definitions that it uses.

    Args:
        keys_secret: Secret with the routing keys, in the same namespace.

    Raises:
        ResourceError: a file is missing from this installation.
        PackError: the subtree has a setting that this conversion does not know.
    """
    read, texts = subtree(), _Texts(templates())
    (route,) = read["route"]["routes"]
    return {
        "route": _route(route),
        "inhibitRules": [
            {
                "sourceMatch": _matchers(rule["source_matchers"]),
                "targetMatch": _matchers(rule["target_matchers"]),
                "equal": rule["equal"],
            }
            for rule in read["inhibit_rules"]
        ],
        "receivers": [_receiver(receiver, texts, keys_secret) for receiver in read["receivers"]],
    }


def _route(route: Mapping[str, Any]) -> Json:
    known = {_ROUTE[key]: value for key, value in route.items() if key in _ROUTE}
    _nothing_else(route, {*_ROUTE, "matchers", "routes"}, "route")
    below = [_route(child) for child in route.get("routes", ())]
    return {**known, "matchers": _matchers(route["matchers"]), **({"routes": below} if below else {})}


def _matchers(texts: list[str]) -> list[Json]:
    return [_matcher(text) for text in texts]


def _matcher(text: str) -> Json:
    found = _MATCHER.fullmatch(text)
    if found is None:
        raise PackError(f"alertmanager/subtree.yml: {text!r} is not of the form LABEL OPERATOR VALUE")
    # Without a type, a matcher means equality. A bare = in YAML is not a string for every parser.
    return {"name": found[1], "value": found[3], **({} if found[2] == "=" else {"matchType": found[2]})}


def _receiver(receiver: Mapping[str, Any], texts: "_Texts", keys_secret: str) -> Json:
    _nothing_else(receiver, {"name", "pagerduty_configs", "webhook_configs"}, receiver["name"])
    converted: Json = {"name": receiver["name"]}
    if pages := receiver.get("pagerduty_configs"):
        converted["pagerdutyConfigs"] = [_pagerduty(one, texts, keys_secret) for one in pages]
    if hooks := receiver.get("webhook_configs"):
        for hook in hooks:
            _nothing_else(hook, set(_WEBHOOK), receiver["name"])
        converted["webhookConfigs"] = [{_WEBHOOK[key]: value for key, value in hook.items()} for hook in hooks]
    return converted


def _pagerduty(settings: Mapping[str, Any], texts: "_Texts", keys_secret: str) -> Json:
    _nothing_else(settings, {*_PAGERDUTY, "routing_key_file", "links", "details"}, "pagerduty_configs")
    plain = {_PAGERDUTY[key]: texts.whole(value) for key, value in settings.items() if key in _PAGERDUTY}
    return {
        "routingKey": {"name": keys_secret, "key": settings["routing_key_file"].rpartition("/")[2]},
        **plain,
        "pagerDutyLinkConfigs": [
            {"alt": link["text"], "href": texts.whole(link["href"])} for link in settings["links"]
        ],
        "details": [{"key": key, "value": texts.whole(value)} for key, value in settings["details"].items()],
    }


def _nothing_else(settings: Mapping[str, Any], known: set[str], where: str) -> None:
    if unknown := set(settings) - known:
        raise PackError(f"alertmanager/subtree.yml: {where}: {', '.join(sorted(unknown))} cannot be converted")


class _Texts:
    """Adds to a text the definitions of the templates that it calls."""

    def __init__(self, source: str) -> None:
        self._definitions = {
            found[1]: f'{{{{ define "{found[1]}" -}}}}{found[2]}{{{{- end }}}}'
            for found in _DEFINITION.finditer(_COMMENT.sub("", source))
        }

    def whole(self, text: Any) -> Any:  # noqa: ANN401 - a setting of any type, of which only texts have templates
        if not isinstance(text, str):
            return text
        return "".join(self._definitions[name] for name in self._used(text)) + text

    def _used(self, text: str) -> Iterator[str]:
        seen: dict[str, None] = {}
        waiting = self._calls(text)
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen[name] = None
                waiting += self._calls(self._definitions[name])
        yield from sorted(seen)

    def _calls(self, text: str) -> list[str]:
        called = (found[1] for found in _CALL.finditer(text))
        return [name for name in called if name in self._definitions]
