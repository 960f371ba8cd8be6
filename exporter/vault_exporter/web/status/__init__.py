"""The status page, the page of one target, and the page of the configuration."""
