"""An AWS Lambda function that hands what S3 tells on to Pub/Sub, unchanged.

By an S3 notification, SNS, SQS or an EventBridge rule: probe_video understands them all. Set TOPIC
to projects/PROJECT/topics/video-uploaded. docs/deploy.md says how it is set up, without any key of
Google's: by workload identity federation.
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
    """Publish the event. What it raises makes AWS call it again, with the same event."""
    endpoint = os.environ.get("PUBSUB_ENDPOINT", "https://pubsub.googleapis.com")
    data = base64.b64encode(json.dumps(event).encode()).decode()
    answer = _session().post(
        f"{endpoint}/v1/{os.environ['TOPIC']}:publish",
        json={"messages": [{"data": data}]},
        timeout=TIMEOUT_SECONDS,
    )
    answer.raise_for_status()


@cache
def _session() -> Any:
    """One for the life of the process, with the credentials that the environment names."""
    import google.auth
    from google.auth.transport.requests import AuthorizedSession

    credentials, _ = google.auth.default(scopes=[SCOPE])
    return AuthorizedSession(credentials)  # type: ignore[no-untyped-call]
