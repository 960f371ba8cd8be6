"""Text as it lies in files and streams, before anything is decoded: compression, envelopes of container runtimes."""
