"""Read finished audit logs once, and print a summary.

``files`` reads plain and compressed logs, ``run`` counts them in one or more processes, ``summary`` builds the summary,
and ``text`` prints it.
"""
