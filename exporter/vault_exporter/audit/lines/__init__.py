"""Lines of files and streams before decoding: splitting, compression, and container log formats."""
