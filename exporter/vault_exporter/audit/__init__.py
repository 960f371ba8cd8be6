"""Vault's audit log as metrics.

``follow`` reads the lines of a log that is written, rotated and truncated meanwhile. ``pipeline`` takes lines, wherever
they come from: ``decode`` makes an entry of a line, ``tally``, ``outcomes``, ``latency`` and ``events`` count it.
``reader`` runs both for all configured logs, and ``checkpoint`` and ``shown`` see to it that a restart neither loses
lines nor counts them twice.
"""

from vault_exporter.audit.service import AuditService

__all__ = ["AuditService"]
