"""Small helpers that know nothing of Vault."""
