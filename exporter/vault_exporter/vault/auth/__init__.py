"""Log in to Vault, and keep the token."""
