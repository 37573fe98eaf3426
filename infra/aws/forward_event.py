"""An AWS Lambda function that forwards S3 events to Pub/Sub, unchanged.

S3 notifications, SNS, SQS and EventBridge rules may call it; probe_video understands them all. Set
TOPIC to projects/PROJECT/topics/video-uploaded. docs/deploy.md describes the set-up, which uses
workload identity federation in place of a key.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from functools import cache
from typing import Any

SCOPE = "https://www.googleapis.com/auth/pubsub"
TIMEOUT_SECONDS = 20.0


def handler(event: Mapping[str, Any], _context: object = None) -> None:
    """Publish the event. If this raises, AWS calls it again with the same event."""
    endpoint = os.environ.get("PUBSUB_ENDPOINT", "https://pubsub.googleapis.com")
    data = base64.b64encode(json.dumps(event).encode()).decode()
    answer = session().post(
        f"{endpoint}/v1/{os.environ['TOPIC']}:publish",
        json={"messages": [{"data": data}]},
        timeout=TIMEOUT_SECONDS,
    )
    answer.raise_for_status()


@cache
def session() -> Any:
    """One publisher for the life of the process, with the environment's credentials."""
    import google.auth
    from google.auth.transport.requests import AuthorizedSession

    credentials, _ = google.auth.default(scopes=[SCOPE])
    return AuthorizedSession(credentials)  # type: ignore[no-untyped-call]
