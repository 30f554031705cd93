"""The parts of the compiled decoder, named as those of the twin are: ``kernel.py`` runs them.

The walk through a frame is a loop over steps. A step looks at one header, keeps what later ones
need in the record ``walk``, and answers with the next step or with the frame's ``Reason``, which
ends the walk. A tunnel candidate is written where the next row would stand (``row``); it becomes a
row when the count of rows moves past it.

Rules: nothing is allocated, raised or recursed into; every read is of octets known to be there;
octets are loaded as uint64, because uncompiled NumPy would shift them in eight bits; words
(addresses, digests) are uint64, all else is int64, and the two never meet in one operation.
Offsets count from the arena's first octet until they are written into a row.

What ordinary tunnels need is inlined into one loop. What is seldom met is one compiled function
(``seldom.py``), so that its code and its registers do not burden that loop.
"""
