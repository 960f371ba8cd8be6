"""Metric families: what they are, how they look on a page, and the catalogue of all."""
