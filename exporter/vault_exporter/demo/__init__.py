"""The local stack behind ``make run``: a real server with a followed audit log, the exporter, and Prometheus."""
