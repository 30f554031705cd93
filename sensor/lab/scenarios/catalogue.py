"""Every scenario there is."""

from __future__ import annotations

from sensor.lab.scenarios.exposure import EXPOSURE
from sensor.lab.scenarios.natpairs import NAT_PAIRS
from sensor.lab.scenarios.places import PLACES
from sensor.lab.scenarios.scenario import Scenario
from sensor.lab.scenarios.styles import STYLES
from sensor.lab.scenarios.trouble import TROUBLE

SCENARIOS: tuple[Scenario, ...] = (*EXPOSURE, *NAT_PAIRS, *STYLES, *TROUBLE, *PLACES)
