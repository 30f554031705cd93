"""Who cannot go back to root is asked in processes of their own."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from sensor.errors import ConfigError, SensorError
from sensor.lab.live import privileges
from sensor.lab.live.privileges import NET_ADMIN, Account, account
from tests.command import ROOT

NOBODY = pwd.getpwnam("nobody")

DROP = """
import os
from sensor.lab.live.privileges import NET_ADMIN, account, drop
drop(account("nobody"){kept})
"""
STATUS = "print(open('/proc/self/status', 'rb').read().decode())\n"
RETURN = "os.setresuid(0, 0, 0)\n"


def python(script: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-c", script]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def status(script: str) -> dict[str, list[str]]:
    done = python(script + STATUS)
    assert done.returncode == 0, done.stderr
    pairs = (line.partition(":") for line in done.stdout.splitlines())
    return {name: value.split() for name, _, value in pairs}


@pytest.mark.parametrize(
    ("kept", "capabilities"), [("", "0" * 16), (", NET_ADMIN", f"{1 << NET_ADMIN:016x}")]
)
def test_what_is_left_is_what_was_asked_for(kept: str, capabilities: str, root: None) -> None:
    left = status(DROP.format(kept=kept))
    assert left["Uid"] == [str(NOBODY.pw_uid)] * 4
    assert left["Gid"] == [str(NOBODY.pw_gid)] * 4
    assert left["Groups"] == []
    assert left["NoNewPrivs"] == ["1"]
    assert left["CapPrm"] == left["CapEff"] == [capabilities]
    assert left["CapInh"] == left["CapAmb"] == ["0" * 16]


@pytest.mark.parametrize("kept", ["", ", NET_ADMIN"])
def test_there_is_no_way_back(kept: str, root: None) -> None:
    done = python(DROP.format(kept=kept) + RETURN)
    assert done.returncode == 1
    assert "PermissionError" in done.stderr


KEPT = """\
Name:\tpython
Uid:\t65534\t65534\t65534\t65534
Gid:\t65534\t65534\t65534\t65534
Groups:\t\x20
NoNewPrivs:\t1
CapInh:\t0000000000000000
CapPrm:\t0000000000001000
CapEff:\t0000000000001000
CapBnd:\t000001ffffffffff
CapAmb:\t0000000000000000
"""


@pytest.mark.parametrize(
    ("before", "after", "name"),
    [
        ("Uid:\t65534\t65534", "Uid:\t65534\t0", "Uid"),
        ("Gid:\t65534\t65534", "Gid:\t65534\t0", "Gid"),
        ("Groups:\t ", "Groups:\t0 ", "Groups"),
        ("NoNewPrivs:\t1", "NoNewPrivs:\t0", "NoNewPrivs"),
        ("NoNewPrivs:\t1\n", "", "NoNewPrivs"),
        ("CapPrm:\t0000000000001000", "CapPrm:\t0000000000003000", "CapPrm"),
        ("CapEff:\t0000000000001000", "CapEff:\t0000000000000000", "CapEff"),
        ("CapInh:\t0000000000000000", "CapInh:\t0000000000001000", "CapInh"),
        ("CapAmb:\t0000000000000000", "CapAmb:\t0000000000001000", "CapAmb"),
    ],
)
def test_the_kernels_word_is_what_counts(
    before: str, after: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = tmp_path / "status"
    monkeypatch.setattr(privileges, "_STATUS", str(status))
    user, mask = Account("nobody", 65_534, 65_534), 1 << NET_ADMIN
    status.write_text(KEPT)
    privileges._prove(user, mask)
    assert before in KEPT
    status.write_text(KEPT.replace(before, after))
    with pytest.raises(SensorError, match=f"privileges are not dropped: {name} is "):
        privileges._prove(user, mask)


def test_a_system_call_that_fails_is_told() -> None:
    privileges._checked(0)
    with pytest.raises(SensorError, match="privileges cannot be dropped: "):
        privileges._checked(-1)


def test_a_user_is_named_by_the_machine(root: None) -> None:
    assert account("nobody") == Account("nobody", NOBODY.pw_uid, NOBODY.pw_gid)


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("no-such-user", r"no user 'no-such-user' on this machine: name one with --user"),
        ("root", r"user 'root' is root: name one without privileges with --user"),
    ],
)
def test_a_wrong_user_is_told_with_the_fix(name: str, fix: str, root: None) -> None:
    with pytest.raises(ConfigError, match=fix):
        account(name)


def test_who_is_not_root_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1_000)
    with pytest.raises(ConfigError, match=r"takes root.*start it with sudo"):
        account("nobody")


def test_a_container_without_the_right_to_change_users_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(groups: list[int]) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "setgroups", refuse)
    with pytest.raises(SensorError, match=r"cannot become user nobody: Operation.*CAP_SETUID"):
        privileges._become(Account("nobody", 65_534, 65_534))
