"""The client for Vault and OpenBao."""
