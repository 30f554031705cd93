"""Network namespaces, the programs in them, and an end to all of it whatever happens."""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TypeVar

ROOT = Path(__file__).resolve().parents[2]

PATIENCE = 60.0  # seconds for what takes a second where nothing else runs
STOPPING = 15.0  # seconds that a program has to end by itself
_labs = itertools.count()

T = TypeVar("T")


def wait_until(question: Callable[[], T | None], what: str, seconds: float = PATIENCE) -> T:
    """The first answer that is not empty, asked for again and again."""
    end = time.monotonic() + seconds
    while not (answer := question()):
        if time.monotonic() > end:
            raise TimeoutError(f"after {seconds:.0f} s still not: {what}")
        time.sleep(0.02)
    return answer


class Program:
    """A process in a namespace, and what it has said on both of its outputs."""

    def __init__(self, name: str, command: list[str]) -> None:
        self.name = name
        self._lines: list[str] = []
        self._said = threading.Condition()
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._listen, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def log(self) -> str:
        with self._said:
            return "".join(self._lines)

    def wait_for(self, pattern: str, seconds: float = PATIENCE) -> re.Match[str]:
        """Wait until it says so; an error if it ends, or says nothing of the kind."""
        found = None

        def heard() -> bool:
            nonlocal found
            found = re.search(pattern, "".join(self._lines))
            return found is not None or not self._reader.is_alive()

        with self._said:
            self._said.wait_for(heard, seconds)
        if found is None:
            raise AssertionError(f"{self.name} never said {pattern!r}:\n{self.log}")
        return found

    def finish(self, seconds: float = PATIENCE) -> int:
        """Wait until it ends by itself; its exit code."""
        code = self._process.wait(seconds)
        self._reader.join(seconds)
        return code

    def stop(self) -> int:
        """Ask it to end; its exit code."""
        self._process.terminate()
        return self.finish(STOPPING)

    def kill(self) -> None:
        """End it and its process group, without asking."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        """Forget it, once it and all that it started have ended."""
        self._reader.join(STOPPING)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._said:
                self._lines.append(line)
                self._said.notify_all()
        with self._said:
            self._said.notify_all()


class Namespace:
    """One network namespace, by its name in the system."""

    def __init__(self, name: str, short: str, programs: list[Program]) -> None:
        self.name = name
        self.short = short
        self._programs = programs

    def run(self, *command: str, seconds: float = PATIENCE) -> str:
        """Run a command to its end; what it prints, or an error with all it said."""
        done = subprocess.run(
            self._within(command),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
            check=False,
        )
        if done.returncode:
            text = " ".join(command)
            raise AssertionError(f"{self.short}: {text}: exit {done.returncode}\n{done.stdout}")
        return done.stdout

    def ip(self, words: str) -> str:
        """``ip`` with these words."""
        return self.run("ip", *words.split())

    def sysctl(self, name: str, value: int) -> None:
        self.run("sysctl", "-qw", f"{name}={value}")

    def start(self, name: str, *command: str) -> Program:
        """Start a program; the lab ends it if nobody does before."""
        program = Program(f"{name} in {self.short}", self._within(command))
        self._programs.append(program)
        return program

    def listens(self, port: int) -> bool:
        """Whether a program has a UDP socket on this port."""
        return bool(self.run("ss", "-Hlun", f"sport = :{port}").strip())

    def pids(self) -> list[int]:
        done = subprocess.run(
            ["ip", "netns", "pids", self.name], capture_output=True, text=True, check=False
        )
        return [int(pid) for pid in done.stdout.split()]

    def _within(self, command: tuple[str, ...]) -> list[str]:
        return ["ip", "netns", "exec", self.name, *command]


class Lab:
    """Namespaces whose names no other lab of this machine has; leaving it ends everything."""

    def __init__(self) -> None:
        self._prefix = f"interop-{os.getpid()}-{next(_labs)}"
        self.namespaces: list[Namespace] = []
        self._programs: list[Program] = []

    def __enter__(self) -> Lab:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def namespace(self, short: str) -> Namespace:
        name = f"{self._prefix}-{short}"
        subprocess.run(["ip", "netns", "add", name], check=True)
        namespace = Namespace(name, short, self._programs)
        self.namespaces.append(namespace)
        # Addresses are in use at once, without asking whether another host has them.
        namespace.sysctl("net.ipv6.conf.default.accept_dad", 0)
        namespace.sysctl("net.ipv4.conf.default.rp_filter", 0)
        namespace.sysctl("net.ipv4.conf.all.rp_filter", 0)
        namespace.ip("link set lo up")
        return namespace

    @staticmethod
    def names() -> set[str]:
        """The namespaces of this machine."""
        done = subprocess.run(["ip", "netns"], capture_output=True, text=True, check=True)
        return {line.split()[0] for line in done.stdout.splitlines()}

    def logs(self) -> str:
        """What every program said, for a person who wants to know why a test failed."""
        return "\n".join(f"--- {program.name}\n{program.log}" for program in self._programs)

    def close(self) -> None:
        for program in reversed(self._programs):
            program.kill()
        for namespace in self.namespaces:
            # Helpers that left their parent's process group: nothing else can be in there.
            for pid in namespace.pids():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        for program in self._programs:
            program.close()
        for namespace in self.namespaces:
            subprocess.run(["ip", "netns", "delete", namespace.name], check=True)
        self._programs.clear()
        self.namespaces.clear()
