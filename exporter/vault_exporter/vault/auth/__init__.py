"""Log in to Vault, and manage the token."""
