"""Where audit entries come from beside files. Each input hands out whole lines and never makes Vault wait.

``inbox`` keeps lines within a bound and makes them of streams, ``syslog`` finds the text of messages; ``stdin``,
``stream``, ``datagram`` and ``http`` receive, ``listening`` opens their sockets, and ``reading`` counts for all.
"""
