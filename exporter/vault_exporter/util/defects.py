"""Words for errors that only a defect of the exporter can cause."""

__all__ = ["internal_error"]


def internal_error(error: Exception) -> str:
    """Describe an unexpected exception without its own text, which may quote a response or a file."""
    return f"internal error of vault-exporter ({type(error).__name__}); please report it"
