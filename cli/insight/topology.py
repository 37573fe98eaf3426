"""`videomoments topology`: the functions' declarations, for people and programs."""

from __future__ import annotations

import json
from typing import Any

from cli.insight.topology_terraform import terraform_variables
from functions.main import TOPOLOGY
from shared.domain.documents import Json
from shared.pipeline.stage import Function, Stage
from shared.pipeline.topology import MAX_DELIVERY_ATTEMPTS, Topology


def show_topology(*, as_json: bool, as_markdown: bool, as_terraform: bool = False) -> None:
    """Print it: JSON, Markdown, Terraform's variables, or a plain list."""
    if as_terraform:
        print(terraform_variables(TOPOLOGY), end="")  # noqa: T201
    elif as_json:
        print(json.dumps(topology_json(TOPOLOGY), indent=2))  # noqa: T201
    elif as_markdown:
        print(topology_markdown(TOPOLOGY), end="")  # noqa: T201
    else:
        for function in TOPOLOGY.functions:
            print(_line(function))  # noqa: T201


def topology_json(topology: Topology) -> Json:
    """All functions, topics and subscriptions."""
    return {
        "functions": [_function_json(function) for function in topology.functions],
        "topics": list(topology.messages),
        "dead_letter_topic": topology.dead_letter_topic,
        "max_delivery_attempts": MAX_DELIVERY_ATTEMPTS,
        "subscriptions": [
            {
                "name": subscription.name,
                "topic": subscription.topic,
                "function": subscription.function,
                "ack_deadline_seconds": subscription.ack_deadline_seconds,
            }
            for subscription in topology.subscriptions
        ],
    }


def topology_markdown(topology: Topology) -> str:
    """A table of the functions."""
    head = (
        "| function | consumes | emits | if it fails | time limit | cpu | memory |\n"
        "| --- | --- | --- | --- | --- | --- | --- |\n"
    )
    return head + "".join(f"{_row(function)}\n" for function in topology.functions)


def _function_json(function: Function) -> Json:
    resources = function.resources
    return {
        "name": function.name,
        "consumes": [message.topic for message in function.consumes],
        "emits": [message.topic for message in function.emits],
        "required": isinstance(function, Stage) and function.required,
        "pipeline_types": sorted(function.pipeline_types) if isinstance(function, Stage) else [],
        "timeout_seconds": resources.timeout_seconds,
        "cpu": resources.cpu,
        "memory_mib": resources.memory_mib,
        "concurrency": resources.concurrency,
        "max_instances": resources.max_instances,
        "image": resources.image,
    }


def _row(function: Function) -> str:
    resources = function.resources
    cells = [
        f"`{function.name}`",
        _topics(function.consumes),
        _topics(function.emits) or "–",
        _failure(function),
        f"{resources.timeout_seconds} s",
        str(resources.cpu),
        f"{resources.memory_mib} MiB",
    ]
    return f"| {' | '.join(cells)} |"


def _topics(messages: Any) -> str:
    return ", ".join(f"`{message.topic}`" for message in messages)


def _failure(function: Function) -> str:
    if not isinstance(function, Stage):
        return "tried again"
    return "the run fails" if function.required else "the run is partial"


def _line(function: Function) -> str:
    consumed = ", ".join(message.topic for message in function.consumes)
    emitted = ", ".join(message.topic for message in function.emits)
    return f"{consumed} -> {function.name}" + (f" -> {emitted}" if emitted else "")
