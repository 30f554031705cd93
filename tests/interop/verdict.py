"""What the sensor makes of a capture: the last word on each tunnel and exposure."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.command import run_sensor

CROSS_CHECKED = 200  # frames: the service is reached within the first 50

Document = dict[str, Any]


@dataclass
class Verdict:
    """The last document of each, by its id."""

    tunnels: dict[str, Document] = field(default_factory=dict)
    exposures: dict[str, Document] = field(default_factory=dict)

    @property
    def tunnel(self) -> Document:
        """The only tunnel."""
        (document,) = self.tunnels.values()
        return document

    def exposed(self, port: int) -> Document:
        """The only exposure of a TCP port."""
        (document,) = (e for e in self.exposures.values() if e["destination"].get("port") == port)
        return document


def replayed(*captures: Path) -> Verdict:
    """``sensor replay`` of one or more captures as one observation."""
    done = run_sensor("replay", "--format", "ndjson", *map(str, captures))
    assert done.code == 0, done.err
    verdict = Verdict()
    for line in done.out.splitlines():
        document = json.loads(line)
        what = document["event"]["dataset"].removeprefix("v6tunnel.")
        if what == "tunnel":
            verdict.tunnels[document["v6tunnel"]["tunnel"]["id"]] = document
        elif what == "exposure":
            verdict.exposures[document["v6tunnel"]["exposure"]["id"]] = document
    return verdict


def cross_check(capture: Path) -> None:
    """``sensor decode --cross-check`` of the beginning, where every sort of packet is: no
    difference from Wireshark.
    """
    excerpt = capture.with_suffix(".begin.pcap")
    command = ["tcpdump", "-r", str(capture), "-c", str(CROSS_CHECKED), "-w", str(excerpt)]
    subprocess.run([*command, "-Z", "root"], capture_output=True, check=True)
    done = run_sensor("decode", "--cross-check", str(excerpt))
    assert done.code == 0, done.out + done.err
