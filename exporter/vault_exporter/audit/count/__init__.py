"""Count audit entries."""
