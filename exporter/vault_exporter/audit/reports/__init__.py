"""Reports of ``replay``: who used a path, what a token did, what polls, and more.

A report is a class in one file and one line in ``registry``. It observes a :class:`Use` for each request that ended,
can be pickled, and merges with a report of the same kind from another file or process. What it keeps is bounded, and
its tables say what they left out.
"""
