"""The checks behind `check --online`, `status`, `policy` and `doctor`."""
