"""Distinct counts and most frequent values of clients, addresses and paths, in bounded memory."""
