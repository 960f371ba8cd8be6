"""What `check --online`, `status` and `policy` say about a configuration in use."""
