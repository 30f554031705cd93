"""Each damaged or odd capture gives its exact frames, one located error and the right exit code."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from .. import build
from ..capture.build import pcap_header, pcap_record
from ..command import ROOT, command
from .damage import HEADING, Case, cases, faults, look, row

CASES = cases()
FEWEST = 120


def test_every_row_of_the_table_is_there() -> None:
    groups = Counter(case.group for case in CASES)
    assert sum(groups.values()) >= FEWEST
    assert groups.keys() == {
        "pcap header",
        "records",
        "snapped packets",
        "pcapng",
        "link types",
        "compressed",
        "files",
    }
    assert len({str(case) for case in CASES}) == len(CASES)
    print(HEADING)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=str)
def test_damage_is_told(case: Case, tmp_path: Path) -> None:
    seen = look(case, tmp_path)
    print(row(case, seen))
    assert list(faults(case, seen)) == []


# files that change while they are read: of these, where the command stands is known


LARGE = pcap_record(build.sixinfour_frame(build.tcp6(payload=bytes(1400))))
MANY = 9000  # 13 MB: three times what is read at once
KEPT = 5_000_000  # octets: the second reading ends there


def large(path: Path) -> str:
    path.write_bytes(pcap_header() + LARGE * MANY)
    return str(path)


def changed(path: Path, change: Callable[[], object]) -> tuple[int, int, str]:
    """Lines, exit code and complaints of ``decode`` where a file changes once lines come.

    Nobody takes more of them before: the command waits for the pipe, in its first 4 MiB.
    """
    with subprocess.Popen(
        command("decode", large(path)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline()
        change()
        count = 1 + sum(1 for _ in process.stdout)
        errors = process.stderr.read()
    return count, process.returncode, errors


@pytest.mark.slow
def test_a_file_truncated_while_it_is_read_is_damaged_there(tmp_path: Path) -> None:
    path = tmp_path / "large.pcap"
    count, code, errors = changed(path, lambda: os.truncate(path, KEPT))
    whole = (KEPT - 24) // len(LARGE)
    offset = 24 + whole * len(LARGE)
    assert (count, code) == (whole, 3)
    place = f"sensor: error: {path}: frame {whole + 1}, byte offset {offset}: the file ends here: "
    assert errors == f"{place}{KEPT - offset} of {len(LARGE)} bytes are left\n"


@pytest.mark.slow
@pytest.mark.parametrize("other", [b"", b"rubbish", pcap_header()])
def test_a_file_replaced_while_it_is_read_stays_what_it_was(tmp_path: Path, other: bytes) -> None:
    path, new = tmp_path / "large.pcap", tmp_path / "new"
    new.write_bytes(other)
    assert changed(path, lambda: new.replace(path)) == (MANY, 0, "")


@pytest.mark.slow
def test_a_file_removed_while_it_is_read_stays_what_it_was(tmp_path: Path) -> None:
    path = tmp_path / "large.pcap"
    assert changed(path, path.unlink) == (MANY, 0, "")
