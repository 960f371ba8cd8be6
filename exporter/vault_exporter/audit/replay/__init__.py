"""Read audit logs that lie there, once, and say what is in them.

``files`` reads them, plain or compressed; ``run`` counts them, several in as many processes; ``summary`` is what they
say, and ``text`` how it looks to people.
"""
