"""`sensor lab router`, on both sides of an IPv4 network, and beside the kernel's own tunnels.

Each kind: ping both ways, 10 MB to and from a service, a clean end, Wireshark's reading of what
passed between the routers, and what the sensor says of it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from .exchanges import call, ping
from .lab import Lab, Namespace, Program
from .sites import DOOR, FAR, GATE, NEAR, Site, Sites
from .tunnelled import complaints, ends
from .verdict import replayed

pytestmark = pytest.mark.slow

DEVICE = "six"
READY = rf"interface {DEVICE}, user nobody"
SIXTOFOUR = "2002:c000:201:5::", "2002:c000:202:7::"  # of 192.0.2.1 and 192.0.2.2
ISATAP = "2001:db8:5::"
GATE_OPTIONS = ("--local", GATE, "--remote", DOOR, "--routes", f"{FAR}/64")
DOOR_OPTIONS = ("--local", DOOR, "--remote", GATE, "--routes", f"{NEAR}/64")

# What Wireshark has to see in each frame.
IN_IPV4 = "ip.proto == 41 and ipv6"
PLAIN_GRE = "gre.proto == 0x86dd and ipv6 and gre.flags_and_version == 0"
FULL_GRE = (
    "gre.proto == 0x86dd and ipv6 and gre.key == 7 and gre.checksum.status == 1"
    " and gre.sequence_number"
)
GRE = {
    "plain": ((), "", PLAIN_GRE),
    "full": (("--key", "7", "--sequence", "--checksum"), "key 7 seq csum", FULL_GRE),
}
# The kernel looks for routers and groups on each link, from a link-local address of its own; the
# end that is there first hears that the other one is not there yet.
CHATTER = {"forged-source", "icmp-error", "not-served", "error-about-multicast"}
# The kernel's modules serve all namespaces: this end's has no tunnel for what the other end sends.
QUIET = """
table ip quiet {
    chain out {
        type filter hook output priority filter;
        icmp type destination-unreachable drop
    }
}
"""


def router(host: Namespace, kind: str, *arguments: str) -> Program:
    """`sensor lab router`, ready."""
    command = (sys.executable, "-m", "sensor", "lab", "router", kind, *arguments)
    program = host.start(kind, *command, "--interface", DEVICE)
    program.wait_for(READY)
    return program


def kernels_own(host: Namespace, kind: str, options: str = "") -> None:
    """The kernel's end of the same tunnel at the door; without it, nothing is left to test."""
    ends = f"local {DOOR} remote {GATE} ttl 64"
    try:
        host.ip(f"link add kernel type {kind} {ends} {options}")
    except AssertionError as error:
        if "Unknown device type" not in str(error):
            raise
        pytest.skip(f"this kernel has no tunnels of type {kind}: Unknown device type")
    host.ip("link set kernel mtu 1280 up")
    host.ip(f"-6 route add {NEAR}/64 dev kernel")


def exchange(sites: Sites, near: Site, far: Site, *programs: Program) -> Path:
    """All that a tunnel must carry; the programs end by themselves, and leave nothing."""
    with sites.watched() as capture:
        ping(near.host, far.address)
        ping(far.host, near.address)
        call(near.host, far.host, far.address)
    for program in programs:
        assert program.stop() == 0, program.log
        assert dropped(program) <= CHATTER
    for site in (near, far):
        assert DEVICE not in site.router.ip("link")
    return capture


def dropped(program: Program) -> set[str]:
    """Why it dropped packets, in its own words."""
    reasons = program.log.splitlines()[-1].partition(" dropped: ")[2]
    return {reason.split()[0] for reason in reasons.split(", ")} - {"nothing"}


def check(capture: Path, kind: str, wanted: str) -> None:
    """All of it is the kind's, well formed, and between the two ends; so says the sensor too."""
    assert complaints(capture, wanted) == ""
    assert ends(capture) == {(GATE, DOOR), (DOOR, GATE)}
    tunnel = replayed(capture).tunnel
    assert tunnel["v6tunnel"]["tunnel"]["kind"] == kind
    assert {tunnel[end]["ip"] for end in ("source", "destination")} == {GATE, DOOR}


@pytest.fixture
def sites(lab: Lab, tmp_path: Path) -> Sites:
    return Sites(lab, tmp_path)


def test_6in4(sites: Sites) -> None:
    near, far = sites.near, sites.far
    gate = router(near.router, "6in4", *GATE_OPTIONS)
    door = router(far.router, "6in4", *DOOR_OPTIONS)
    check(exchange(sites, near, far, gate, door), "6in4", IN_IPV4)


@pytest.mark.parametrize("how", GRE)
def test_gre(how: str, sites: Sites) -> None:
    options, _, wanted = GRE[how]
    near, far = sites.near, sites.far
    gate = router(near.router, "gre", *GATE_OPTIONS, *options)
    door = router(far.router, "gre", *DOOR_OPTIONS, *options)
    check(exchange(sites, near, far, gate, door), "gre6", wanted)


def test_6to4(lab: Lab, tmp_path: Path) -> None:
    sites = Sites(lab, tmp_path, SIXTOFOUR)
    near, far = sites.near, sites.far
    gate = router(near.router, "6to4", "--local", GATE)
    door = router(far.router, "6to4", "--local", DOOR)
    check(exchange(sites, near, far, gate, door), "6to4", IN_IPV4)


def test_a_site_hears_that_nobody_is_there(lab: Lab, tmp_path: Path) -> None:
    """The other router's kernel refuses the protocol, and the host is told as IPv6 tells it."""
    near = Sites(lab, tmp_path, SIXTOFOUR).near
    gate = router(near.router, "6to4", "--local", GATE)
    with pytest.raises(AssertionError, match=r"From 2002:c000:201::1 .* Address unreachable"):
        ping(near.host, f"{SIXTOFOUR[1]}2")
    assert gate.stop() == 0


def test_behind_a_configured_tunnel_it_hears_that_too(sites: Sites) -> None:
    """From an address of the router's own: the kernel forwards nothing from its link-local one."""
    near = sites.near
    routes = ("--remote", DOOR, "--routes", "2001:3::/64")
    gate = router(near.router, "6in4", "--local", GATE, *routes)
    with pytest.raises(AssertionError, match=r"From 2001:2::1 .* Address unreachable"):
        ping(near.host, sites.far.address)
    assert gate.stop() == 0


def test_isatap(sites: Sites) -> None:
    """The door is no router here but a host of the site, reached from the native network."""
    near, door = sites.near, sites.far.router
    gate = router(near.router, "isatap", "--local", GATE, "--prefix", f"{ISATAP}/64")
    host = router(door, "isatap", "--local", DOOR, "--prl", GATE)
    address = host.wait_for(r"address (2001:db8:5:0:200:5efe:c000:202)")[1]
    check(exchange(sites, near, Site(door, address, door), gate, host), "isatap", IN_IPV4)


def test_6in4_with_the_kernel(sites: Sites) -> None:
    near, far = sites.near, sites.far
    kernels_own(far.router, "sit")
    near.router.run("nft", QUIET)
    gate = router(near.router, "6in4", *GATE_OPTIONS)
    check(exchange(sites, near, far, gate), "6in4", IN_IPV4)


@pytest.mark.parametrize("how", GRE)
def test_gre_with_the_kernel(how: str, sites: Sites) -> None:
    options, kernels, wanted = GRE[how]
    near, far = sites.near, sites.far
    kernels_own(far.router, "gre", kernels)
    near.router.run("nft", QUIET)
    gate = router(near.router, "gre", *GATE_OPTIONS, *options)
    check(exchange(sites, near, far, gate), "gre6", wanted)
