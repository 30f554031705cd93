"""The two ends of a measured stream of UDP packets, each run in its own namespace.

    stream.py hear COUNTER PORT
    stream.py say COUNTER ADDRESS PORT OCTETS SECONDS

Both map the same small file, in which the hearer counts. The sayer never has more packets under way
than WINDOW: so it goes as fast as the way carries them all, and misses one that is lost.
"""

from __future__ import annotations

import mmap
import socket
import sys
import time
from pathlib import Path

WINDOW = 64  # packets: a socket's receive buffer holds about 90 of 1,280 octets by default
RECEIVE_BUFFER = 8 << 20  # octets
PAUSE = 50e-6  # seconds, while the window is full
LOST = 0.5  # seconds without progress after which what is under way counts as lost
SILENCE = 2.0  # seconds in which the hearer hears nothing at the end
WARMING = 8  # packets that open the way before the time counts


def hear(counter: mmap.mmap, port: int) -> None:
    """Count what comes, until nothing came for a while."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        listener.bind(("::", port))
        print("listening", flush=True)
        listener.recv(2048)
        listener.settimeout(SILENCE)
        heard = 0
        try:
            while True:
                heard += 1
                counter[:8] = heard.to_bytes(8, "little")
                listener.recv(2048)
        except TimeoutError:
            print(f"heard {heard}")


class Sayer:
    """Keeps the window full; counts what was said, heard and lost."""

    def __init__(self, counter: mmap.mmap, speaker: socket.socket, packet: bytes) -> None:
        self._counter = counter
        self._speaker = speaker
        self._packet = packet
        self._moved = time.monotonic()
        self.said = self.heard = self.lost = 0

    def say_for(self, seconds: float) -> float:
        """How long it really took, in seconds."""
        start = time.monotonic()
        while time.monotonic() - start < seconds:
            if not self._fill(WINDOW):
                time.sleep(PAUSE)
        return time.monotonic() - start

    def settle(self) -> None:
        """Wait until nothing more can come."""
        while self.said > self.heard + self.lost:
            self._look()
            time.sleep(PAUSE)

    def open(self) -> None:
        """Get a few packets through, one at a time: the first wait for the way, or are lost."""
        while self.heard < WARMING:
            if not self._fill(1):
                time.sleep(PAUSE)
        self.settle()

    def _fill(self, window: int) -> bool:
        """Say what the window has room for; False if that is nothing."""
        self._look()
        free = window - (self.said - self.heard - self.lost)
        for _ in range(free):
            self._speaker.send(self._packet)
        self.said += max(free, 0)
        return free > 0

    def _look(self) -> None:
        heard = int.from_bytes(self._counter[:8], "little")
        now = time.monotonic()
        if heard != self.heard or self.said == heard + self.lost:
            self.heard, self._moved = heard, now
        elif now - self._moved > LOST:
            self.lost, self._moved = self.said - heard, now


def say(counter: mmap.mmap, address: str, port: int, octets: int, seconds: float) -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as speaker:
        speaker.connect((address, port))
        sayer = Sayer(counter, speaker, bytes(octets))
        sayer.open()
        before = sayer.heard
        took = sayer.say_for(seconds)
        counted = sayer.heard - before
        sayer.settle()
    print(f"said {sayer.said} heard {sayer.heard} lost {sayer.lost} rate {counted / took:.0f}")


def main(what: str, path: str, *rest: str) -> None:
    with Path(path).open("r+b") as file, mmap.mmap(file.fileno(), 8) as counter:
        if what == "hear":
            hear(counter, int(rest[0]))
        else:
            say(counter, rest[0], int(rest[1]), int(rest[2]), float(rest[3]))


if __name__ == "__main__":
    main(*sys.argv[1:])
