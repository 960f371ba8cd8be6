"""The settings, and how they are loaded."""
