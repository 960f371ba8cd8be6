"""Who asked for what, within bounds: distinct counts and heavy hitters by sketch, and paths that the operator names."""
