"""All functions, in the order data flows through them; each is a functions-framework target.

The module opens no connection and makes no client: that happens at the first delivery.
"""

from __future__ import annotations

import functions
from functions import discovery, targets
from shared.pipeline.topology import Topology

TOPOLOGY = Topology(discovery.find_functions(functions))

# functions-framework looks a target up among this module's names and would serve any function it
# finds, so the module must have no others.
globals().update(targets.targets(TOPOLOGY))
