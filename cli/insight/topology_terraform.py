"""The topology as the variables of infra/terraform: adding a function changes no .tf file."""

from __future__ import annotations

import json

from shared.domain.documents import Json
from shared.messages.upkeep import SweepRequested
from shared.messages.videos import PipelineRequested, VideoUploaded
from shared.pipeline.stage import Function
from shared.pipeline.topology import MAX_DELIVERY_ATTEMPTS, Topology, published_topics


def terraform_variables(topology: Topology) -> str:
    """The text of `topology.auto.tfvars.json`."""
    values = {
        "functions": {f.name: _function(topology, f) for f in topology.functions},
        "topics": list(topology.messages),
        "upload_topic": VideoUploaded.topic,
        "command_topic": PipelineRequested.topic,
        "sweep_topic": SweepRequested.topic,
        "dead_letter_topic": topology.dead_letter_topic,
        "max_delivery_attempts": MAX_DELIVERY_ATTEMPTS,
        "subscriptions": {
            subscription.name: {
                "topic": subscription.topic,
                "function": subscription.function,
                "ack_deadline_seconds": subscription.ack_deadline_seconds,
            }
            for subscription in topology.subscriptions
        },
    }
    return json.dumps(values, indent=2) + "\n"


def _function(topology: Topology, function: Function) -> Json:
    resources = function.resources
    return {
        "image": resources.image,
        "cpu": resources.cpu,
        "memory_mib": resources.memory_mib,
        "timeout_seconds": resources.timeout_seconds,
        "concurrency": resources.concurrency,
        "min_instances": resources.min_instances,
        "max_instances": resources.max_instances,
        "publishes": published_topics(topology, function),
        "needs": sorted(function.needs),
    }
