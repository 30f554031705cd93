"""What Wireshark reads in a capture of tunnels without UDP."""

from __future__ import annotations

import subprocess
from pathlib import Path

# Random octets in TCP look like many a damaged protocol; no tunnel's end made them.
_DAMAGED = "_ws.malformed and not tcp.len > 0"
# Linux writes 0xffff for a sum of 0, in TCP too, where Wireshark goes by RFC 1624.
_TCP_SUMS = "tcp.checksum.status == 0 and tcp.checksum != 0xffff"
_OTHER_SUMS = " or ".join(
    f"{name}.checksum.status == 0" for name in ("ip", "udp", "icmp", "icmpv6", "gre")
)
_CHECKING = ("-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE")


def complaints(capture: Path, wanted: str) -> str:
    """The frames that are damaged or sum wrongly, or that are not as ``wanted``, a filter."""
    return _tshark(capture, f"({_DAMAGED}) or ({_TCP_SUMS}) or {_OTHER_SUMS} or not ({wanted})")


def ends(capture: Path) -> set[tuple[str, str]]:
    """The outer source and destination of all frames."""
    options = ("-E", "occurrence=f", "-T", "fields", "-e", "ip.src", "-e", "ip.dst")
    lines = _tshark(capture, "ip", *options).splitlines()
    return {(source, destination) for source, destination in map(str.split, lines)}


def _tshark(capture: Path, wanted: str, *options: str) -> str:
    command = ["tshark", "-n", *_CHECKING, "-r", str(capture), "-Y", wanted, *options]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
