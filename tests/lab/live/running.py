"""`sensor lab ...` in a process of its own, in a namespace."""

from __future__ import annotations

import re
import signal
import subprocess
import threading
from pathlib import Path

from tests.command import ENVIRONMENT, ROOT, command
from tests.lab.live.conftest import Namespace

TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z "
SOON = 60  # seconds after which a process that does not say what it should is ended


class Running:
    """`sensor lab ...` in a namespace."""

    def __init__(self, namespace: Namespace, *arguments: str) -> None:
        inside = ["ip", "netns", "exec", namespace.name, *command("lab", *arguments)]
        environment = {**ENVIRONMENT, "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            inside, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
        )
        self._watchdog = threading.Timer(SOON, self.process.kill)
        self._watchdog.start()
        self.told: list[str] = []

    def until(self, wanted: str) -> re.Match[str]:
        """The first line with that, from here on."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.told.append(line)
            if found := re.search(wanted, line):
                return found
        raise AssertionError(f"{wanted!r} is not among\n{''.join(self.told)}")

    def stop(self, number: signal.Signals) -> int:
        """The exit status after a signal; all its lines are read."""
        assert self.process.stderr is not None
        self.process.send_signal(number)
        self.told += self.process.stderr
        return self.process.wait()

    def status(self) -> dict[str, list[str]]:
        """As the kernel has it."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return {name: value.split() for name, _, value in (line.partition(":") for line in lines)}

    def close(self) -> None:
        self._watchdog.cancel()
        self.process.kill()
        self.process.communicate()
