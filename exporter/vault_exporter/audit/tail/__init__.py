"""Tail audit log files over rotation, truncation and restarts."""
