"""The programs that are measured: how each is called, what is on, how many tunnelled frames it saw.

Every peer is given the settings that let it see the most tunnels, and else the fewest tasks.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# Protocol 41, and UDP on any port whose payload is an IPv6 packet that fits the datagram, behind an
# origin indication, an authentication header without identifier, or both. Tagged frames would
# need a second copy of it and are passed over, which spares tcpdump work.
TUNNEL_FILTER = (
    "ip proto 41 or (udp and ("
    "(udp[8] & 0xf0 = 0x60 and udp[12:2] + 48 <= udp[4:2])"
    " or (udp[8:2] = 0 and udp[16] & 0xf0 = 0x60)"
    " or (udp[8:2] = 1 and (udp[21] & 0xf0 = 0x60 or (udp[21:2] = 0 and udp[29] & 0xf0 = 0x60)))))"
)
OUTPUT = "output"  # name of the file that takes a tool's standard output
SENSOR = str(Path(sys.executable).with_name("sensor"))
_LEAN = Path(__file__).with_name("suricata.yaml")
_FIELDS = (
    "frame.number", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst",
    "ipv6.src_tc_ipv4", "ipv6.src_tc_port", "ipv6.dst_tc_ipv4", "ipv6.dst_tc_port",
)  # fmt: skip


@dataclass(frozen=True)
class Tool:
    """``command`` takes a capture and an empty folder, where its standard output goes too.

    ``seen`` reads, from that folder, how many tunnelled frames the tool found; None if it does not
    say. ``frames`` bounds how many frames of a capture it is given.
    """

    name: str
    what: str
    version: tuple[str, ...]
    command: Callable[[Path, Path], list[str]]
    seen: Callable[[Path], int | None] = lambda folder: None
    frames: int | None = None
    output: str = OUTPUT

    @property
    def missing(self) -> bool:
        return shutil.which(self.version[0]) is None


def _tcpdump(capture: Path, folder: Path) -> list[str]:
    return ["tcpdump", "-r", str(capture), "-w", str(folder / "kept.pcap"), TUNNEL_FILTER]


def _tcpdump_seen(folder: Path) -> int | None:
    command = ["tcpdump", "-r", str(folder / "kept.pcap"), "--count"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.match(r"(\d+) packet", done.stdout)
    return int(found[1]) if found else None


def _suricata(*settings: str) -> Callable[[Path, Path], list[str]]:
    def command(capture: Path, folder: Path) -> list[str]:
        once = ["suricata", "--runmode", "single", "-S", "/dev/null", "-l", str(folder)]
        return [*once, *settings, "-r", str(capture)]

    return command


def _suricata_seen(folder: Path) -> int | None:
    """Its counter of Teredo frames; version 7 has none of protocol 41."""
    counted = re.findall(r"^decoder\.teredo .*\| (\d+)$", _text(folder / "stats.log"), re.MULTILINE)
    return int(counted[-1]) if counted else None


def _tshark(frames: int) -> Callable[[Path, Path], list[str]]:
    def command(capture: Path, folder: Path) -> list[str]:
        fields = [word for field in _FIELDS for word in ("-e", field)]
        chosen = ["-Y", "teredo or ip.proto == 41", "-T", "fields", *fields]
        heuristic = ["--enable-heuristic", "teredo_udp"]
        return ["tshark", "-n", "-r", str(capture), "-c", str(frames), *heuristic, *chosen]

    return command


def _lines(folder: Path) -> int:
    """Counted one by one: the runner stays small."""
    with (folder / OUTPUT).open("rb") as stream:
        return sum(1 for _ in stream)


def _sensor_seen(folder: Path) -> int | None:
    with (folder / OUTPUT).open() as stream:
        found = re.match(r"\d+ frames: (\d+) tunnelled", stream.readline())
    return int(found[1]) if found else None


def _text(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""


CAT = Tool(
    "cat",
    "reads the file and drops it: the limit",
    ("cat", "--version"),
    lambda capture, folder: ["cat", str(capture)],
    output=os.devnull,
)
TCPDUMP = Tool(
    "tcpdump",
    "writes the frames that a filter for tunnels keeps to a file",
    ("tcpdump", "--version"),
    _tcpdump,
    _tcpdump_seen,
)
SURICATA = Tool(
    "suricata",
    "its package's own settings, Teredo on any port, no rules, one thread for packets",
    ("suricata", "-V"),
    _suricata("--set", "decoder.teredo.enabled=true", "--set", "decoder.teredo.ports=any"),
    _suricata_seen,
)
SURICATA_LEAN = Tool(
    "suricata, no output",
    "the same without any record: flows and streams are followed, counters written at the end",
    ("suricata", "-V"),
    _suricata("-c", str(_LEAN)),
    _suricata_seen,
)


TSHARK = "tshark"


def tshark(frames: int) -> Tool:
    """It is slow: it reads ``frames`` frames of a capture only."""
    return Tool(
        TSHARK,
        f"Teredo's heuristic on, one line of fields a frame; the first {frames:,} frames only",
        ("tshark", "--version"),
        _tshark(frames),
        _lines,
        frames,
    )


OURS = Tool(
    "sensor",
    "sensor replay FILE: tunnels, conversations, exposures; text to a file",
    (SENSOR, "--version"),
    lambda capture, folder: [SENSOR, "replay", str(capture)],
    _sensor_seen,
)
HELP = Tool(
    "sensor --help",
    "says what it can do",
    OURS.version,
    lambda capture, folder: [SENSOR, "--help"],
)


def version(tool: Tool) -> str:
    """The first line of what the tool says of itself."""
    done = subprocess.run(tool.version, capture_output=True, text=True, check=False)
    lines = (done.stdout or done.stderr).strip().splitlines()
    return lines[0].strip() if lines else "unknown"
