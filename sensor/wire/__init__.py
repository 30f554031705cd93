"""Pure codecs for the packets of tunnels: bytes to values and values to bytes.

No module here reads a file, a socket, a clock or a random source. A parser answers with a value
or raises ``DecodeError``; a builder raises ``ValueError`` for lengths its format cannot express
and leaves the range of single fields to its caller. Addresses are raw bytes, 4 or 16 of them.
"""
