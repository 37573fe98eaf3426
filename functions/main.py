"""All functions, in the order data flows through them; each is a target of functions-framework.

The module connects to nothing and makes no client: the wiring happens at the first delivery.
"""

from __future__ import annotations

import functions
from functions import discovery, targets
from shared.pipeline.topology import Topology

TOPOLOGY = Topology(discovery.find_functions(functions))

# functions-framework looks a target up among this module's names, and would serve any function
# it finds there: so nothing else of that kind may be one.
globals().update(targets.targets(TOPOLOGY))
