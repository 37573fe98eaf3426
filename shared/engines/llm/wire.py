"""Convert questions, answers and endpoints to and from pydantic-ai's types."""

from __future__ import annotations

from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    SystemPromptPart,
    TextPart,
    UserPromptPart,
)
from pydantic_ai.models import Model
from pydantic_ai.profiles import ModelProfile, merge_profile

from shared.domain.tokens import estimate_tokens
from shared.engines.llm.errors import GoogleAuthError, credentials_error
from shared.engines.llm.protocol import Answer, Endpoint, Question
from shared.errors import SettingsError


def make_model(endpoint: Endpoint) -> Model:
    """pydantic-ai's model for an endpoint.

    Raises SettingsError if a setting is missing; if Google's credentials are, Reject or
    LanguageModelUnavailable.
    """
    profile = ModelProfile(supports_json_schema_output=True, supports_json_object_output=True)
    if endpoint.provider == "vertex":
        return _vertex(endpoint, profile)
    if endpoint.url is None:
        raise SettingsError(
            f"The model {endpoint.name} has no address: set VIDEOMOMENTS_LLM_URL to that of an "
            "OpenAI-compatible API, like http://127.0.0.1:8000/v1."
        )
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.profiles.openai import OpenAIModelProfile
    from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

    provider = OpenAICompatibleProvider(
        "openai-compatible", base_url=endpoint.url, api_key=endpoint.api_key
    )
    # Only OpenAI's own API needs the newer name; other servers know the older one.
    newer = "openai.com" in endpoint.url
    chat = merge_profile(
        profile, OpenAIModelProfile(openai_chat_supports_max_completion_tokens=newer)
    )
    return OpenAIChatModel(endpoint.model, provider=provider, profile=chat)


def _vertex(endpoint: Endpoint, profile: ModelProfile) -> Model:
    """Uses application-default credentials, and their project if the endpoint names none."""
    from pydantic_ai.models.google import GoogleModel
    from pydantic_ai.providers.google_cloud import GoogleCloudProvider

    try:
        provider = GoogleCloudProvider(
            project=endpoint.project, location=endpoint.location, base_url=endpoint.url
        )
    except GoogleAuthError as error:
        raise credentials_error(error, endpoint) from error
    except ValueError as error:
        raise SettingsError(
            f"The model {endpoint.name} on Vertex AI has no project: set VIDEOMOMENTS_PROJECT. "
            f"({error})"
        ) from error
    return GoogleModel(endpoint.model, provider=provider, profile=profile)


def to_messages(question: Question) -> list[ModelMessage]:
    """The conversation as pydantic-ai's messages."""
    first, *others = question.turns
    messages: list[ModelMessage] = [
        ModelRequest(parts=[SystemPromptPart(question.system), UserPromptPart(first.text)])
    ]
    messages += [
        ModelRequest(parts=[UserPromptPart(turn.text)])
        if turn.role == "user"
        else ModelResponse(parts=[TextPart(turn.text or "(nothing)")])
        for turn in others
    ]
    return messages


def to_answer(response: ModelResponse, question: Question) -> Answer:
    """The text of a response. Tool calls are dropped, because no tools were offered."""
    text = "".join(part.content for part in response.parts if isinstance(part, TextPart))
    refusal = (response.provider_details or {}).get("refusal")
    if refusal is None and response.finish_reason == "content_filter":
        refusal = "its content filter held the answer back"
    usage = response.usage
    return Answer(
        text,
        # Some servers report no counts, but the budget needs them.
        usage.input_tokens or question.input_tokens,
        usage.output_tokens or estimate_tokens(text),
        truncated=response.finish_reason == "length",
        refusal=None if refusal is None else str(refusal),
    )
