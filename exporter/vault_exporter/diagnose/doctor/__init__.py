"""Look at the whole running chain, from the nodes to the person who is woken, and say what is wrong.

``read`` reads the servers into structs; ``checks`` has a file a subject, and the list of all checks;
``run`` joins both.
"""
