"""All functions, in the order data flows through them; each is a target of functions-framework.

Nothing is connected to and no client is made here: the wiring happens at the first delivery.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

from functions.cut_clip import cut_clip
from functions.generate_moments import generate_moments
from functions.make_thumbnail import make_thumbnail
from functions.probe_video import probe_video
from functions.record_failure import record_failure
from functions.split_audio import split_audio
from functions.start_pipeline import start_pipeline
from functions.sweep import sweep
from functions.transcribe_audio import transcribe_audio
from functions.wiring import make_context
from shared import log
from shared.http.oidc import PushVerifier
from shared.http.signing_keys import RemoteKeys
from shared.http.target import Target, make_target
from shared.messaging.delivery import Handler
from shared.pipeline.runtime import Runtime
from shared.pipeline.stage import Function
from shared.pipeline.topology import Topology
from shared.settings import Settings, load_settings

TOPOLOGY = Topology(
    [
        start_pipeline,
        probe_video,
        split_audio,
        transcribe_audio,
        generate_moments,
        cut_clip,
        make_thumbnail,
        sweep,
        record_failure,
    ]
)


@cache
def _settings() -> Settings:
    settings = load_settings()
    log.configure(settings.log_format, settings.log_level, settings.project)
    return settings


@cache
def _runtime() -> Runtime:
    return Runtime(make_context(_settings(), TOPOLOGY))


def _handler(function: Function) -> Handler:
    return partial(_runtime().handle, function)


def _verifier() -> PushVerifier | None:
    settings = _settings()
    if settings.oidc_audience is None or settings.oidc_service_account is None:
        return None
    keys = RemoteKeys(settings.oidc_certs_url) if settings.oidc_certs_url else RemoteKeys()
    return PushVerifier(settings.oidc_audience, frozenset({settings.oidc_service_account}), keys)


def _target(function: Function) -> Target:
    factory: Callable[[], Handler] = partial(_handler, function)
    return make_target(function.name, function.consumes, factory, _verifier)


# functions-framework looks a target up among this module's names.
globals().update({function.name: _target(function) for function in TOPOLOGY.functions})
