"""What the Prometheus operator makes of its objects, as far as the chart uses them.

The relabellings are those of the operator's ``pkg/prometheus/promcfg.go``. Discovery by Kubernetes is replaced by the
addresses on this machine, with the labels that discovery gives.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tests.deploy.chart import Json

__all__ = ["alertmanager", "pod_monitor", "scrape_config", "service_monitor"]


def service_monitor(one: Json, endpoints: Sequence[Mapping[str, str]]) -> Json:
    """Return the scrape job of a ServiceMonitor; an endpoint has the keys address, pod and service."""
    namespace, name = one["spec"]["namespaceSelector"]["matchNames"][0], one["metadata"]["name"]
    (endpoint,) = one["spec"]["endpoints"]
    before = [
        *_copied(namespace="namespace", service="service_name", pod="pod_name", container="pod_container_name"),
        {"source_labels": ["__meta_kubernetes_service_name"], "target_label": "job", "replacement": "${1}"},
        {"target_label": "endpoint", "replacement": endpoint["port"]},
    ]
    job = f"serviceMonitor/{one['metadata']['namespace']}/{name}/0"
    return _job(job, endpoint, before, [_target(namespace, target) for target in endpoints])


def pod_monitor(one: Json, pods: Sequence[Mapping[str, str]]) -> Json:
    """Return the scrape job of a PodMonitor; a pod has the keys address and pod."""
    namespace, name = one["spec"]["namespaceSelector"]["matchNames"][0], one["metadata"]["name"]
    (endpoint,) = one["spec"]["podMetricsEndpoints"]
    own = one["metadata"]["namespace"]
    before = [
        *_copied(namespace="namespace", container="pod_container_name", pod="pod_name"),
        {"target_label": "job", "replacement": f"{own}/{name}"},
        {"target_label": "endpoint", "replacement": endpoint["port"]},
    ]
    return _job(f"podMonitor/{own}/{name}/0", endpoint, before, [_target(namespace, pod) for pod in pods])


def scrape_config(one: Json, addresses: Mapping[str, str]) -> Json:
    """Return the scrape job of a ScrapeConfig with HTTP service discovery."""
    spec = one["spec"]
    (discovery,) = spec["httpSDConfigs"]
    url = discovery["url"]
    for there, here in addresses.items():
        url = url.replace(there, here)
    return {
        "job_name": f"scrapeConfig/{one['metadata']['namespace']}/{one['metadata']['name']}",
        "honor_labels": spec["honorLabels"],
        "scheme": spec["scheme"].lower(),
        "http_sd_configs": [{"url": url, "refresh_interval": "1s"}],
        "relabel_configs": [
            {"source_labels": ["job"], "target_label": "__tmp_prometheus_job_name"},
            *map(_snake, spec["relabelings"]),
        ],
    }


def alertmanager(one: Json) -> Json:
    """Return the configuration of Alertmanager with one AlertmanagerConfig, with the matcher strategy None."""
    spec, prefix = one["spec"], f"{one['metadata']['namespace']}/{one['metadata']['name']}/"
    return {
        "route": {"receiver": "null", "routes": [{**_route(spec["route"], prefix), "continue": True}]},
        "inhibit_rules": [
            {
                "source_matchers": list(map(_matcher, rule["sourceMatch"])),
                "target_matchers": list(map(_matcher, rule["targetMatch"])),
                "equal": rule["equal"],
            }
            for rule in spec["inhibitRules"]
        ],
        "receivers": [{"name": "null"}, *(_receiver(receiver, prefix) for receiver in spec["receivers"])],
    }


def _copied(**labels: str) -> list[Json]:
    return [{"source_labels": [f"__meta_kubernetes_{meta}"], "target_label": label} for label, meta in labels.items()]


def _target(namespace: str, target: Mapping[str, str]) -> Json:
    meta = {"namespace": namespace, "pod_container_name": "vault-exporter", "pod_name": target["pod"]}
    if "service" in target:
        meta["service_name"] = target["service"]
    return {
        "targets": [target["address"]],
        "labels": {f"__meta_kubernetes_{key}": value for key, value in meta.items()},
    }


def _job(name: str, endpoint: Json, before: list[Json], targets: list[Json]) -> Json:
    return {
        "job_name": name,
        "honor_labels": endpoint["honorLabels"],
        "metrics_path": endpoint["path"],
        "scheme": endpoint["scheme"],
        "static_configs": targets,
        "relabel_configs": [
            {"source_labels": ["job"], "target_label": "__tmp_prometheus_job_name"},
            *before,
            *map(_snake, endpoint["relabelings"]),
        ],
    }


def _snake(settings: Mapping[str, Any]) -> Json:
    """Return a mapping with the names of Prometheus' and Alertmanager's own configuration."""
    return {re.sub(r"(?<=[a-z])([A-Z]+)", r"_\1", key).lower(): value for key, value in settings.items()}


def _matcher(matcher: Mapping[str, str]) -> str:
    return f'{matcher["name"]}{matcher.get("matchType", "=")}"{matcher["value"]}"'


def _route(route: Mapping[str, Any], prefix: str) -> Json:
    below = [_route(child, prefix) for child in route.get("routes", [])]
    return {
        **_snake({key: value for key, value in route.items() if key not in {"matchers", "routes"}}),
        "receiver": f"{prefix}{route['receiver']}",
        "matchers": list(map(_matcher, route["matchers"])),
        **({"routes": below} if below else {}),
    }


def _receiver(receiver: Mapping[str, Any], prefix: str) -> Json:
    return {
        "name": f"{prefix}{receiver['name']}",
        "pagerduty_configs": [
            {
                **_snake(
                    {
                        key: value
                        for key, value in page.items()
                        if key not in {"routingKey", "details", "pagerDutyLinkConfigs"}
                    }
                ),
                "routing_key_file": page["routingKey"]["key"],
                "details": {detail["key"]: detail["value"] for detail in page["details"]},
                "links": [{"text": link["alt"], "href": link["href"]} for link in page["pagerDutyLinkConfigs"]],
            }
            for page in receiver.get("pagerdutyConfigs", [])
        ],
        "webhook_configs": [_snake(hook) for hook in receiver.get("webhookConfigs", [])],
    }
