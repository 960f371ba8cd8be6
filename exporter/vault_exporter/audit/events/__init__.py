"""Security and operations events in audit logs."""
