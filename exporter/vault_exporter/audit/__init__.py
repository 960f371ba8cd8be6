"""Vault's audit log as metrics.

``tail`` reads the lines of logs that are written, rotated and truncated meanwhile, and ``inputs`` receives them over
sockets. ``lines`` splits text into lines, and takes off compression and the envelopes of container runtimes. ``parse``
decodes lines, ``count`` and ``events`` count entries. ``service`` runs all of it. With ``acknowledged`` and
``commits``, a restart neither loses lines nor counts them twice.
"""
