"""Prometheus exporter for HashiCorp Vault and OpenBao."""

__version__ = "0.1.0"
