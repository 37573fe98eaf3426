"""Check topics and subscriptions: present, wired like the topology, and granted."""

from __future__ import annotations

from collections.abc import Iterator

from cli.doctor.checks import Check
from cli.doctor.cloud.policies import Policy, account
from cli.doctor.cloud.view import View, resource_id, summed
from shared.domain.documents import Json
from shared.messages.videos import VideoUploaded
from shared.pipeline.topology import MAX_DELIVERY_ATTEMPTS, Subscription, published_topics

PUBSUB = "https://pubsub.googleapis.com/v1"
PUBLISHER = "roles/pubsub.publisher"
SUBSCRIBER = "roles/pubsub.subscriber"


def check_topics(view: View) -> Iterator[Check]:
    """Each topic, and who may publish on it."""
    names = list(view.topology.messages)
    well = f"{len(names)} topics are there, and who publishes may"
    yield from summed("topics", well, _topics(view, names))


def check_subscriptions(view: View) -> Iterator[Check]:
    """Each subscription's push address, account, deadline and dead-letter topic."""
    wanted = view.topology.subscriptions
    well = f"{len(wanted)} subscriptions push to their functions as the topology says"
    yield from summed("subscriptions", well, _subscriptions(view))


def _topics(view: View, names: list[str]) -> Iterator[Check]:
    url = f"{PUBSUB}/{view.project_path}/topics"
    there = {topic["name"] for topic in view.api.every(url, "topics", pageSize=500)}
    publishers = _publishers(view)
    for name in names:
        path = f"{view.project_path}/topics/{name}"
        if path not in there:
            yield view.again(f"topic {name}", "is not there")
            continue
        policy = _policy(view, path, f"topic {name}", "pubsub topics")
        yield from policy.lacking((member, PUBLISHER) for member in publishers[name])
        yield from policy.open_to_all()


def _publishers(view: View) -> dict[str, list[str]]:
    """The publishers of each topic: functions, and the agents of Google's services."""
    found: dict[str, list[str]] = {name: [] for name in view.topology.messages}
    for function in view.deployed():
        member = account(view.deployment.functions[function.name].account)
        for topic in published_topics(view.topology, function):
            found[topic].append(member)
    found[VideoUploaded.topic].append(view.deployment.storage_agent)
    found[view.topology.dead_letter_topic].append(view.deployment.pubsub_agent)
    return found


def _subscriptions(view: View) -> Iterator[Check]:
    url = f"{PUBSUB}/{view.project_path}/subscriptions"
    there = {s["name"]: s for s in view.api.every(url, "subscriptions", pageSize=500)}
    for wanted in view.topology.subscriptions:
        name = f"subscription {wanted.name}"
        path = f"{view.project_path}/subscriptions/{wanted.name}"
        if path not in there:
            yield view.again(name, "is not there")
            continue
        for sentence in _differences(view, wanted, there[path]):
            yield view.again(name, sentence)
        policy = _policy(view, path, name, "pubsub subscriptions")
        if wanted.topic != view.topology.dead_letter_topic:
            yield from policy.lacking([(view.deployment.pubsub_agent, SUBSCRIBER)])
        yield from policy.open_to_all()


def _differences(view: View, wanted: Subscription, found: Json) -> Iterator[str]:
    topic = f"{view.project_path}/topics/{wanted.topic}"
    if found.get("topic") != topic:
        listens_to = resource_id(found.get("topic")) or "nowhere"
        yield f"listens to {listens_to}, not to {wanted.topic}"
    if found.get("detached") or found.get("state", "ACTIVE") != "ACTIVE":
        yield "is detached or in error: it gets no messages"
    if "filter" in found:
        yield f"filters messages out: {found['filter']}"
    yield from _push(view, wanted, found.get("pushConfig", {}))
    deadline = found.get("ackDeadlineSeconds", 0)
    if deadline != wanted.ack_deadline_seconds:
        yield f"waits {deadline} s for an answer, not {wanted.ack_deadline_seconds} s"
    if "retryPolicy" not in found:
        yield "tries again at once, without any pause"
    if found.get("expirationPolicy", {}).get("ttl"):
        yield "is deleted when nothing arrives for some time"
    if wanted.topic != view.topology.dead_letter_topic:
        yield from _dead_letters(view, found.get("deadLetterPolicy", {}))


def _push(view: View, wanted: Subscription, push: Json) -> Iterator[str]:
    function = view.deployment.functions.get(wanted.function)
    if function is None:
        return
    endpoint = push.get("pushEndpoint")
    if endpoint != function.url:
        yield f"pushes to {endpoint or 'nobody'}, not to {function.url}"
    token = push.get("oidcToken", {})
    signer = token.get("serviceAccountEmail")
    if signer != view.deployment.push_account:
        yield f"pushes as {signer or 'nobody'}, not as {view.deployment.push_account}"
    # Without an audience, Pub/Sub uses the endpoint.
    audience = token.get("audience") or endpoint
    if signer and audience != function.url:
        yield f"signs for {audience}, not for {function.url}"


def _dead_letters(view: View, policy: Json) -> Iterator[str]:
    wanted = view.topology.dead_letter_topic
    found = resource_id(policy.get("deadLetterTopic"))
    if found != wanted:
        yield f"sends its dead letters to {found or 'nowhere'}, not to {wanted}"
    elif policy.get("maxDeliveryAttempts") != MAX_DELIVERY_ATTEMPTS:
        attempts = policy.get("maxDeliveryAttempts")
        yield f"gives up after {attempts} deliveries, not {MAX_DELIVERY_ATTEMPTS}"


def _policy(view: View, path: str, name: str, group: str) -> Policy:
    found = view.api.get(f"{PUBSUB}/{path}:getIamPolicy")
    return Policy.of(found, name, group, resource_id(path), f"--project={view.deployment.project}")
