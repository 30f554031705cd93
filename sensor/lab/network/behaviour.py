"""How NATs differ, in the terms of RFC 4787."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

MAPPINGS = 1_024
LIFETIME = 120.0  # seconds; the least that RFC 4787 section 4.3 allows


class Dependence(Enum):
    """Of a remote endpoint, what a mapping or a filter looks at (RFC 4787 sections 4.1 and 5)."""

    ENDPOINT_INDEPENDENT = "endpoint-independent"
    ADDRESS_DEPENDENT = "address-dependent"
    ADDRESS_AND_PORT_DEPENDENT = "address-and-port-dependent"


class PortChoice(Enum):
    """The outside port of a new mapping (RFC 4787 section 4.2.1, RFC 6081 section 2)."""

    PRESERVING = "preserving"  # the inside port, or another one while that is taken
    SEQUENTIAL = "sequential"  # the one after the last
    RANDOM = "random"


@dataclass(frozen=True, slots=True)
class NatBehaviour:
    """One kind of NAT; ``lifetime`` of an idle UDP mapping in seconds.

    ``limit`` is how many mappings it holds at once. Outbound packets refresh a mapping, inbound
    ones if ``inbound_refreshes``. With ``hairpin`` inside hosts meet at their outside endpoints.
    ``passes`` are IP protocols without ports that go through, told apart by addresses alone, no
    more than ``limit`` remote addresses at once.
    """

    mapping: Dependence
    filtering: Dependence
    ports: PortChoice = PortChoice.RANDOM
    lifetime: float = LIFETIME
    inbound_refreshes: bool = False
    hairpin: bool = False
    limit: int = MAPPINGS
    passes: frozenset[int] = frozenset()

    @property
    def symmetric(self) -> bool:
        """Whether another remote endpoint gets another mapping (RFC 6081 section 2)."""
        return self.mapping is not Dependence.ENDPOINT_INDEPENDENT


CONE = NatBehaviour(Dependence.ENDPOINT_INDEPENDENT, Dependence.ENDPOINT_INDEPENDENT)
ADDRESS_RESTRICTED = NatBehaviour(Dependence.ENDPOINT_INDEPENDENT, Dependence.ADDRESS_DEPENDENT)
PORT_RESTRICTED = NatBehaviour(
    Dependence.ENDPOINT_INDEPENDENT, Dependence.ADDRESS_AND_PORT_DEPENDENT
)
SYMMETRIC = NatBehaviour(
    Dependence.ADDRESS_AND_PORT_DEPENDENT, Dependence.ADDRESS_AND_PORT_DEPENDENT
)
# A port is free while no mapping has it, be it of the same inside endpoint: the first remote
# endpoint gets the inside port, the next ones get others.
PORT_PRESERVING = NatBehaviour(
    Dependence.ADDRESS_AND_PORT_DEPENDENT,
    Dependence.ADDRESS_AND_PORT_DEPENDENT,
    PortChoice.PRESERVING,
)
SEQUENTIAL = NatBehaviour(
    Dependence.ADDRESS_AND_PORT_DEPENDENT,
    Dependence.ADDRESS_AND_PORT_DEPENDENT,
    PortChoice.SEQUENTIAL,
)
