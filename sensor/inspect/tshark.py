"""One tshark process, supervised: each end it can meet is told, and nothing of it stays behind."""

from __future__ import annotations

import os
import re
import selectors
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import monotonic

from sensor.errors import OutputError

SILENCE = 30.0  # seconds without a word after which tshark hangs
OLDEST = (4, 0)  # what Wireshark's dissectors were measured with

_TICK = 0.25  # seconds between two looks at whether we are to stop
_CHUNK = 1 << 16
_COMPLAINT = 1024  # octets kept of the end of what it says about itself
_ANSWER = 1 << 20  # octets of an answer that tells a version
_VERSION = re.compile(rb"TShark\b.*?(\d+)\.(\d+)")


def never() -> bool:
    """Nobody asks to stop."""
    return False


@dataclass(frozen=True, slots=True)
class Ending:
    """How tshark ended: its exit status (negative: the signal), and its last complaint."""

    status: int
    complaint: str = ""

    @property
    def text(self) -> str:
        if self.status < 0:
            return f"killed by {_signal(-self.status)}"
        said = f" ({self.complaint})" if self.complaint else ""
        return f"exit status {self.status}{said}"


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


class Tshark:
    """A running tshark; to be closed, which ends it and all that it started.

    It reads no settings of whoever runs it. OutputError if it cannot be started.
    """

    def __init__(
        self, path: str, arguments: Sequence[str], stopped: Callable[[], bool] = never
    ) -> None:
        self._stopped = stopped
        self._complaint = b""
        try:
            self._settings = tempfile.TemporaryDirectory(prefix="sensor-tshark-")
        except OSError as error:
            raise OutputError(f"no temporary folder for tshark: {error.strerror}") from error
        try:
            self._process = subprocess.Popen(
                [path, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**os.environ, "WIRESHARK_CONFIG_DIR": self._settings.name},
                process_group=0,  # interrupts reach us alone, and its children can be named
            )
        except OSError as error:
            self._settings.cleanup()
            raise OutputError(f"{path} cannot be run: {error.strerror}") from error
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._answers, self._complaints = self._process.stdout, self._process.stderr

    def __enter__(self) -> Tshark:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def output(self) -> Iterator[bytes]:
        """What it writes, until it has ended.

        OutputError once it has been silent for SILENCE seconds, KeyboardInterrupt once we are to
        stop.
        """
        # Not a wait for its process: until it is closed, no other can get the same number.
        ended = os.pidfd_open(self._process.pid)
        try:
            with selectors.DefaultSelector() as selector:
                for source in (self._answers.fileno(), self._complaints.fileno(), ended):
                    selector.register(source, selectors.EVENT_READ)
                yield from self._read(selector, ended)
        finally:
            os.close(ended)

    def _read(self, selector: selectors.BaseSelector, ended: int) -> Iterator[bytes]:
        heard = monotonic()
        patience: float = _TICK
        # Once it has ended, only what already waits in the pipes is read: its children may hold
        # them open.
        while (ready := selector.select(patience)) or patience:
            for key, _ in ready:
                if key.fd == ended:
                    selector.unregister(ended)
                    patience = 0
                elif octets := self._octets(key.fd, selector):
                    yield octets
                    heard = monotonic()  # whoever reads may take their time
            if self._stopped():
                raise KeyboardInterrupt
            if monotonic() - heard > SILENCE:
                raise OutputError(
                    f"tshark hangs: nothing came from it for {SILENCE:g} seconds, and it was"
                    " ended; try again when the machine is less busy, or another version of tshark"
                )

    def _octets(self, source: int, selector: selectors.BaseSelector) -> bytes:
        """What one of its pipes has for us; nothing if that was a complaint or the end."""
        octets = os.read(source, _CHUNK)
        if not octets:
            selector.unregister(source)
        elif source == self._complaints.fileno():
            self._complaint = (self._complaint + octets)[-_COMPLAINT:]
            return b""
        return octets

    def close(self) -> Ending:
        """End what still runs, and say how tshark ended."""
        if self._process.returncode is None:
            self._end()
        return Ending(self._process.returncode, self._last_complaint())

    def _end(self) -> None:
        # It is not waited for yet, so that its group still has its name.
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._answers.close()
        self._complaints.close()
        self._settings.cleanup()

    def _last_complaint(self) -> str:
        lines = self._complaint.decode(errors="replace").splitlines()
        # That root runs it is no complaint.
        lines = [line for line in lines if line.strip() and not line.startswith("Running as user")]
        own = [line for line in lines if line.startswith("tshark: ")] or lines
        return own[-1].removeprefix("tshark: ").strip().rstrip(".") if own else ""


def check_version(path: str, stopped: Callable[[], bool] = never) -> None:
    """OutputError if this tshark is older than OLDEST, or is no tshark at all."""
    answer = b""
    with Tshark(path, ["-v"], stopped) as child:
        for octets in child.output():
            answer += octets
            if len(answer) > _ANSWER:
                break  # closing ends it
        ending = child.close()
    found = _VERSION.search(answer)
    if found is None:
        raise OutputError(
            f"{path} does not tell its version ({ending.text}): it is no tshark, or a broken one;"
            " install tshark anew: sudo apt-get install --reinstall tshark"
        )
    version = (int(found[1]), int(found[2]))
    if version < OLDEST:
        raise OutputError(
            f"{path} is version {version[0]}.{version[1]}; the comparison needs"
            f" {OLDEST[0]}.{OLDEST[1]} or newer: install a newer tshark"
        )
