"""Every scenario there is, by families."""

from __future__ import annotations

from typing import NamedTuple

from sensor.lab.scenarios.attacks import ATTACKS
from sensor.lab.scenarios.blocking import BLOCKING
from sensor.lab.scenarios.brokers import BROKERS
from sensor.lab.scenarios.companions import COMPANIONS
from sensor.lab.scenarios.covert import COVERT
from sensor.lab.scenarios.evasion import EVASION
from sensor.lab.scenarios.exposure import EXPOSURE
from sensor.lab.scenarios.floods import FLOODS
from sensor.lab.scenarios.framing import FRAMING
from sensor.lab.scenarios.gre import GRE
from sensor.lab.scenarios.impostors import IMPOSTORS
from sensor.lab.scenarios.innocent import INNOCENT
from sensor.lab.scenarios.intruders import INTRUDERS
from sensor.lab.scenarios.isatap import ISATAP
from sensor.lab.scenarios.loops import LOOPS
from sensor.lab.scenarios.names import NAMES
from sensor.lab.scenarios.natpairs import NAT_PAIRS
from sensor.lab.scenarios.places import PLACES
from sensor.lab.scenarios.scenario import Scenario
from sensor.lab.scenarios.sixinfour import SIXINFOUR
from sensor.lab.scenarios.sixoverfour import SIXOVERFOUR
from sensor.lab.scenarios.sixrd import SIXRD
from sensor.lab.scenarios.sixtofour import SIXTOFOUR
from sensor.lab.scenarios.styles import STYLES
from sensor.lab.scenarios.trouble import TROUBLE


class Family(NamedTuple):
    title: str
    scenarios: tuple[Scenario, ...]


FAMILIES = (
    Family("Services behind Teredo", EXPOSURE),
    Family("Pairs of NATs", NAT_PAIRS),
    Family("Other implementations", STYLES),
    Family("Trouble on the way", TROUBLE),
    Family("Other places to look from", PLACES),
    Family("Protocol 41", (*SIXINFOUR, *SIXTOFOUR, *SIXRD, *ISATAP, *SIXOVERFOUR)),
    Family("GRE, brokers and other carriers", (*GRE, *BROKERS, *FRAMING)),
    Family("Attacks on Teredo's set-up", (*ATTACKS, *IMPOSTORS)),
    Family("Scans, floods, reflection and loops", FLOODS),
    Family("Misuse of protocol 41", (*INTRUDERS, *LOOPS, *NAMES)),
    Family("Covert channels", COVERT),
    Family("Evasions", EVASION),
    Family("When port 3544 is blocked", BLOCKING),
    Family("Innocents that look like an attack", (*COMPANIONS, *INNOCENT)),
)
SCENARIOS = tuple(scenario for family in FAMILIES for scenario in family.scenarios)
