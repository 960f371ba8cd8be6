"""``rules --backtest``: evaluate alert rules over the history in Prometheus."""
