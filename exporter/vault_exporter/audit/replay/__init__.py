"""Read finished audit logs once, and print a summary.

``location`` finds logs, ``opening`` opens them, also in a ``store``, ``repeats`` tells which are the same,
``finished_log`` reads plain and compressed ones, ``one_log`` counts one, ``run`` counts all in one or more processes
and ``cluster`` on many machines, ``merging`` puts together what they counted, ``summary`` builds the summary, and
``text`` prints it.
"""
