"""The checks behind `check --online`, `status` and `policy`."""
