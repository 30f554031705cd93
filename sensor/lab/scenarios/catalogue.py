"""Every scenario there is, by families."""

from __future__ import annotations

from typing import NamedTuple

from sensor.lab.scenarios.exposure import EXPOSURE
from sensor.lab.scenarios.natpairs import NAT_PAIRS
from sensor.lab.scenarios.places import PLACES
from sensor.lab.scenarios.scenario import Scenario
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
)
SCENARIOS = tuple(scenario for family in FAMILIES for scenario in family.scenarios)
