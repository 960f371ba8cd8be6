"""From a line of an audit log to its entry, its kind and its class of error."""
