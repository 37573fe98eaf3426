"""The topology as the variables of infra/terraform: adding a function changes no .tf file."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from shared.messages import Message, PipelineRequested, SweepRequested, VideoUploaded
from shared.pipeline.stage import Function, Task
from shared.pipeline.topology import MAX_DELIVERY_ATTEMPTS, Topology

Json = dict[str, Any]


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


def published_topics(topology: Topology, function: Function) -> list[str]:
    """Every topic that the function may publish on, in the order data flows."""
    if isinstance(function, Task) and function.republishes:
        return _topics(message for stage in topology.stages for message in stage.consumes)
    return _topics(function.emits)


def _topics(messages: Iterable[type[Message]]) -> list[str]:
    return list(dict.fromkeys(message.topic for message in messages))
