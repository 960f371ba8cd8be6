"""Talking to Vault."""
