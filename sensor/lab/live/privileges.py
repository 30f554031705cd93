"""Root opens the device and the sockets; who then reads strangers' packets is nobody.

By system calls, as Python has no capabilities; what the kernel says afterwards is compared.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import struct
from typing import NamedTuple

from sensor.errors import ConfigError, SensorError

NET_ADMIN = 12  # CAP_NET_ADMIN: addresses and routes

_KEEP_CAPABILITIES = 8  # PR_SET_KEEPCAPS
_NO_NEW_PRIVILEGES = 38  # PR_SET_NO_NEW_PRIVS
_VERSION_3 = 0x2008_0522  # of capset's structures
_STATUS = "/proc/self/status"


class Account(NamedTuple):
    """Who to become."""

    name: str
    uid: int
    gid: int


def account(name: str) -> Account:
    """The user ``name`` names; ConfigError unless this is root, and the user is not."""
    if os.geteuid() != 0:
        raise ConfigError(
            "this takes root, for the sockets and the device, and becomes another user then:"
            " start it with sudo"
        )
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise ConfigError(f"no user {name!r} on this machine: name one with --user") from None
    if entry.pw_uid == 0:
        raise ConfigError(f"user {name!r} is root: name one without privileges with --user")
    return Account(name, entry.pw_uid, entry.pw_gid)


def drop(user: Account, *kept: int) -> None:
    """Become ``user`` for good, with the capabilities ``kept`` and no others."""
    libc = ctypes.CDLL(None, use_errno=True)
    _checked(libc.prctl(_KEEP_CAPABILITIES, 1, 0, 0, 0))
    _become(user)
    mask = sum(1 << capability for capability in kept)
    header = struct.pack("=Ii", _VERSION_3, 0)
    _checked(libc.capset(header, struct.pack("=6I", mask, mask, 0, 0, 0, 0)))
    _checked(libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0))
    _prove(user, mask)


def _become(user: Account) -> None:
    try:
        os.setgroups([])
        os.setresgid(user.gid, user.gid, user.gid)
        os.setresuid(user.uid, user.uid, user.uid)
    except OSError as error:
        raise SensorError(
            f"this cannot become user {user.name}: {error.strerror};"
            " a container needs the capabilities CAP_SETUID and CAP_SETGID"
        ) from error


def _checked(result: int) -> None:
    if result:
        code = ctypes.get_errno()
        raise SensorError(f"privileges cannot be dropped: {os.strerror(code)}")


def _prove(user: Account, mask: int) -> None:
    """The kernel's own word for it: another kernel or container may do less than it was asked."""
    with open(_STATUS, "rb") as status:  # a codec's module could not be read any more
        text = status.read().decode()
    lines = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
    wanted = {
        "Uid": "\t".join([str(user.uid)] * 4),
        "Gid": "\t".join([str(user.gid)] * 4),
        "Groups": "",
        "NoNewPrivs": "1",
        "CapInh": f"{0:016x}",
        "CapPrm": f"{mask:016x}",
        "CapEff": f"{mask:016x}",
        "CapAmb": f"{0:016x}",
    }
    for name, value in wanted.items():
        if lines.get(name, "").strip() != value:
            raise SensorError(f"privileges are not dropped: {name} is {lines.get(name)!r}")
