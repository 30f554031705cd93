"""Numbers that bound the table, whatever a sender does; the ones of the settings are not here."""

from __future__ import annotations

SECOND = 1_000_000_000  # nanoseconds
MINUTE = 60 * SECOND
# A conversation first met within this time of the first row, on a tunnel met in mid-life, may have
# been opened before the capture began.
UNSEEN_START = MINUTE
WELL_KNOWN_PORTS = 1024

EVICTED = 1  # value of an END event: there was no room; 0: silent for too long

# Events of one tunnel that a sender can cause with every packet, in a minute of packet time.
NOTICES_PER_MINUTE = 64
TESTS_KEPT = 4096  # connectivity tests without a reply, over all tunnels
PEERS_KEPT = 65_536  # far ends met, over all tunnels
# At a million tunnelled packets a second these are 65 ms of copies, more than the copy window, and
# a second of the packets that are looked for from the other side of the NAT.
COPIES_KEPT = 65_536
VIEWS_KEPT = 131_072
# A tunnel that so many packets did not show from the other side of the NAT is looked for with every
# eighth packet only, chosen by its digest, so that both sides choose the same ones.
VIEWS_SURE = 64
VIEWS_SAMPLE = 7  # mask of the digest
CLOSED_KEPT = 4_096  # conversations that ended and that nobody has taken yet
REMOTES_KEPT = 1024  # distinct remote addresses of one exposure
REMOTES_POOL = 65_536  # the same over all exposures
HOSTS_KEPT = 8_192  # accumulators of scan detections
# Look-ups of tunnels' names that are read in a second of packet time. Hosts repeat theirs after
# minutes, so that this serves thousands of them; a flood costs a few hundredths of its own time.
LOOKUPS_PER_SECOND = 100
# Who asked for one name, to whom an answer to a group is told: the last ones.
ASKERS_KEPT = 16
