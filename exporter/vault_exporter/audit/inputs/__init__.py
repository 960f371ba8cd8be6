"""Inputs that receive audit entries over sockets, HTTP and standard input. Network inputs never make Vault wait.

``stdin``, ``stream``, ``datagram`` and ``http`` are the inputs. ``line_buffer`` holds received lines in bounded memory,
``syslog`` parses syslog messages, ``sockets`` opens sockets, ``registry`` builds inputs from settings, and ``service``
runs them and counts their lines.
"""
