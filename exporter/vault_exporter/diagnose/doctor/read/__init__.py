"""Read the servers of the chain over their HTTP APIs, into frozen structs. Every request is a GET."""
