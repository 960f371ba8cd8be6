"""The targets that are scraped, listed and discovered."""
