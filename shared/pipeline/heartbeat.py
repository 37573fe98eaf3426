"""Renews a lease from its own thread while a stage works."""

from __future__ import annotations

import threading

import structlog

from shared.pipeline.context import Context
from shared.pipeline.ledger.claim import Claim
from shared.pipeline.ledger.lease import renew

_log = structlog.get_logger(__name__)


class Heartbeat:
    """Renew the lease until the context ends. `lost` is set once another worker has the claim."""

    def __init__(self, context: Context, claim: Claim) -> None:
        self._context = context
        self._claim = claim
        self._stop = threading.Event()
        self.lost = threading.Event()
        self._thread = threading.Thread(
            target=self._beat, name=f"heartbeat-{claim.stage_run_id}", daemon=True
        )

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _beat(self) -> None:
        policy = self._context.policy
        while not self._stop.wait(policy.heartbeat_seconds):
            try:
                with self._context.session() as session, session.begin():
                    ours = renew(session, self._claim, policy=policy, clock=self._context.clock)
            except Exception as error:
                # The database may recover before the lease ends; the fence decides at the finish.
                _log.warning("heartbeat failed", error=str(error))
                continue
            if not ours:
                self.lost.set()
                return
