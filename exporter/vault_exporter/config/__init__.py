"""What the exporter is told: the settings and how they are read."""
