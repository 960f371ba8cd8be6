"""The settings: frozen structs, complete and already validated."""
