"""The listed and discovered targets."""
