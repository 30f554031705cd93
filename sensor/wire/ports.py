"""Default ports of what carries tunnels, sets them up or looks up their names."""

from __future__ import annotations

TEREDO_PORT = 3544
AYIYA_PORT = 5072
AYIYA_OLD_PORT = 8374  # of SixXS's first programs
TSP_PORT = 3653
SIXA44_PORT = 1027
SIXBED4_PORT = 25790

GENEVE_PORT = 6081
GRE_PORT = 4754
GTPU_PORT = 2152
GUE_PORT = 6080
L2TP_PORT = 1701
VXLAN_PORT = 4789
VXLAN_LINUX_PORT = 8472  # what Linux used before, and uses still unless told otherwise

DNS_PORT = 53
MDNS_PORT = 5353
LLMNR_PORT = 5355
NETBIOS_PORT = 137
