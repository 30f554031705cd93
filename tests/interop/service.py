"""A TCP service and who calls it, run in namespaces: what arrives is sent back, and told.

service.py serve PORT                 one connection; everything it says comes back to it
service.py call ADDRESS PORT OCTETS   say so many octets, and hear them again
"""

from __future__ import annotations

import hashlib
import random
import socket
import sys

SEED = 20261121
TIMEOUT = 120.0  # seconds that a connection may stand still


def serve(port: int) -> None:
    """Both lines are for the test: when to call, and what came."""
    with socket.create_server(("::", port), family=socket.AF_INET6) as listener:
        print("listening", flush=True)
        connection, _ = listener.accept()
    with connection:
        connection.settimeout(TIMEOUT)
        heard = _hear(connection)
        connection.sendall(heard)
    print(f"heard {_told(heard)}", flush=True)


def call(address: str, port: int, octets: int) -> None:
    said = random.Random(SEED).randbytes(octets)
    with socket.create_connection((address, port), TIMEOUT) as connection:
        connection.sendall(said)
        connection.shutdown(socket.SHUT_WR)
        heard = _hear(connection)
    print(f"said {_told(said)}")
    print(f"heard {_told(heard)}")


def _hear(connection: socket.socket) -> bytes:
    pieces = []
    while piece := connection.recv(1 << 16):
        pieces.append(piece)
    return b"".join(pieces)


def _told(content: bytes) -> str:
    return f"{len(content)} {hashlib.sha256(content).hexdigest()}"


if __name__ == "__main__":
    what, *rest = sys.argv[1:]
    if what == "serve":
        serve(int(rest[0]))
    else:
        call(rest[0], int(rest[1]), int(rest[2]))
