"""From YAML, flags and the environment to typed values, with the place of each error."""
