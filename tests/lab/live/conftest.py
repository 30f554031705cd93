"""Network namespaces of a test's own: the kernel is real, the network is nobody else's."""

from __future__ import annotations

import ctypes
import itertools
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

_CLONE_NEWNET = 0x4000_0000
_NUMBERS = itertools.count()


class Namespace:
    """A network namespace with its loopback up."""

    def __init__(self) -> None:
        self.name = f"live-{os.getpid()}-{next(_NUMBERS)}"
        ip("netns", "add", self.name)
        self.run("ip", "link", "set", "lo", "up")

    def run(self, *command: str) -> str:
        """What a command prints there; it must succeed."""
        return ip("netns", "exec", self.name, *command)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """This thread inside: what it opens there stays there."""
        with open("/proc/thread-self/ns/net") as before, open(f"/run/netns/{self.name}") as there:
            _enter(there.fileno())
            try:
                yield
            finally:
                _enter(before.fileno())

    def delete(self) -> None:
        ip("netns", "delete", self.name)


Namespaces = Callable[[], Namespace]


def ip(*arguments: str) -> str:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"
    return done.stdout


def _enter(descriptor: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


@pytest.fixture
def namespaces(namespaces: None) -> Iterator[Namespaces]:
    """Makes namespaces, which are gone after the test."""
    made: list[Namespace] = []

    def make() -> Namespace:
        made.append(Namespace())
        return made[-1]

    try:
        yield make
    finally:
        for namespace in made:
            namespace.delete()


@pytest.fixture
def pair(namespaces: Namespaces) -> tuple[Namespace, Namespace]:
    """Two on a cable: 192.0.2.1 and 192.0.2.2, 2a00:db8::1 and 2a00:db8::2."""
    first, second = namespaces(), namespaces()
    other = ["peer", "name", "cable", "netns", second.name]
    ip("link", "add", "cable", "netns", first.name, "type", "veth", *other)
    for number, end in enumerate((first, second), 1):
        end.run("ip", "address", "add", f"192.0.2.{number}/24", "dev", "cable")
        end.run("ip", "address", "add", f"2a00:db8::{number}/64", "dev", "cable", "nodad")
        end.run("ip", "link", "set", "cable", "up")
    return first, second


@pytest.fixture
def running() -> Iterator[ExitStack]:
    """Ends, with the test, the processes that it has started."""
    with ExitStack() as held:
        yield held
