"""Functions as targets of functions-framework. Wiring happens at the first delivery."""

from __future__ import annotations

from functools import cached_property, partial

from functions.wiring import make_context
from shared.http.events.target import Target, Verifier, make_target
from shared.messaging.delivery import Handler
from shared.pipeline.runtime import Runtime
from shared.pipeline.stage import Function
from shared.pipeline.topology import Topology
from shared.settings.settings import Settings, load_settings
from shared.telemetry import logs as log
from shared.telemetry import process


class Process:
    """The parts of one serving process, made when first needed, never at import."""

    def __init__(self, topology: Topology) -> None:
        self._topology = topology

    @cached_property
    def settings(self) -> Settings:
        """The environment's settings. Also configures the logs."""
        settings = load_settings()
        log.configure(settings.log_format, settings.log_level, settings.project)
        return settings

    @cached_property
    def runtime(self) -> Runtime:
        """The runtime on the production adapters."""
        return Runtime(make_context(self.settings, self._topology))

    def handler(self, function: Function) -> Handler:
        """The handler of the function's deliveries."""
        process.start(self.settings, function.name)
        return self.runtime.handler(function)

    def verifier(self) -> Verifier | None:
        """The verifier of push tokens; None if the settings leave that to the platform."""
        settings = self.settings
        if settings.oidc_audience is None or settings.oidc_service_account is None:
            return None
        from shared.http.auth.oidc import PushVerifier
        from shared.http.auth.signing_keys import RemoteKeys

        keys = RemoteKeys(settings.oidc_certs_url) if settings.oidc_certs_url else RemoteKeys()
        return PushVerifier(
            settings.oidc_audience, frozenset({settings.oidc_service_account}), keys
        )


def targets(topology: Topology) -> dict[str, Target]:
    """One target for each function, by its name."""
    parts = Process(topology)
    return {
        function.name: make_target(
            function.name,
            function.consumes,
            partial(parts.handler, function),
            parts.verifier,
        )
        for function in topology.functions
    }
