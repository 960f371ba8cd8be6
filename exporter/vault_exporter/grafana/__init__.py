"""Adapt the dashboards to an installation, and package them for Grafana's provisioning or a sidecar.

The dashboards are generated at development time. This package reads and changes their JSON without grafanalib.
"""
