"""The dashboards as an installation wants them: adapted, and packed for Grafana's provisioning or a sidecar.

They are generated where the project is developed; here their JSON is read and changed, without grafanalib.
"""
