"""One scrape of one target: collectors and telemetry, side by side, under one deadline."""
