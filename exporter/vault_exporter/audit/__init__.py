"""Vault's audit log as metrics.

``follow`` reads the lines of a log that is written, rotated and truncated meanwhile, ``decode`` makes an entry of a
line, ``tally`` counts entries, and ``reader`` runs them for all configured logs.
"""

from vault_exporter.audit.reader import AuditReader

__all__ = ["AuditReader"]
