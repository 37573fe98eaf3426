"""Problems with a language model. VideoMoments finds moments without one, too."""

from __future__ import annotations

from shared.error_codes.error_code import ErrorCode

_THEN_RETRY = "then `videomoments retry VIDEO`"
# A retry keeps the model and the prompt of the run: another model, or another prompt, is another
# run.
_BY_ANOTHER = (
    "ask another model with `videomoments run FILE --model OTHER` (in the cloud: publish a "
    "pipeline-requested message whose options name it)"
)
_OR_PROMPT = "; another `--prompt` may help too"
_BEGUN = "; `videomoments retry VIDEO` continues a run that had started"

BUDGET_EXCEEDED = ErrorCode(
    "budget_exceeded",
    "The run has spent its budget for the language model, and asks nothing more.",
    "Raise VIDEOMOMENTS_LLM_BUDGET_TOKENS or VIDEOMOMENTS_LLM_BUDGET_COST, "
    f"{_THEN_RETRY}, which does not ask again for the answers it has.",
)
INVALID_ANSWER = ErrorCode(
    "invalid_answer",
    "The model's answer was not in the requested form, even at the second attempt.",
    "`videomoments retry VIDEO` asks again; a larger model keeps to the form more often.",
)
MODEL_CONTEXT_EXCEEDED = ErrorCode(
    "model_context_exceeded",
    "A question was longer than the model's context.",
    "Give the model a longer context at its endpoint, or lower VIDEOMOMENTS_LLM_ANSWER_TOKENS, "
    f"{_THEN_RETRY}. A lower VIDEOMOMENTS_LLM_WINDOW_TOKENS or VIDEOMOMENTS_LLM_CONTEXT_TOKENS "
    "takes effect only in a new run: `videomoments delete VIDEO`, then run it again.",
)
MODEL_NOT_FOUND = ErrorCode(
    "model_not_found",
    "The endpoint does not have this model.",
    "Load the model at the endpoint, or correct VIDEOMOMENTS_LLM_URL (it ends where the API "
    f"begins, usually in /v1), {_THEN_RETRY}. Or {_BY_ANOTHER}.",
)
MODEL_PROTOCOL_UNKNOWN = ErrorCode(
    "model_protocol_unknown",
    "A server answered at the model's address, but not as a language model does.",
    "Correct VIDEOMOMENTS_LLM_URL: it ends where the API begins, usually in /v1.",
)
MODEL_QUOTA_EXCEEDED = ErrorCode(
    "model_quota_exceeded",
    "The account at the model's provider has no quota or credit left.",
    f"Raise the quota there, {_THEN_RETRY}. Or {_BY_ANOTHER}.",
)
MODEL_REFUSED = ErrorCode(
    "model_refused",
    "The model refused to answer about this transcript.",
    f"A retry would ask the same again; {_BY_ANOTHER}{_OR_PROMPT}.",
)
MODEL_REQUEST_REJECTED = ErrorCode(
    "model_request_rejected",
    "The model's endpoint does not understand the request.",
    "Check that VIDEOMOMENTS_LLM_URL is an OpenAI-compatible endpoint and that the model accepts "
    f"the parameters it is given, {_THEN_RETRY}.",
)
MODEL_UNAUTHORIZED = ErrorCode(
    "model_unauthorized",
    "The model's endpoint rejected the key or the account.",
    f"Correct VIDEOMOMENTS_LLM_API_KEY or the account's permissions, {_THEN_RETRY}.",
)
MODEL_UNAVAILABLE = ErrorCode(
    "model_unavailable",
    "The language model did not answer.",
    "`VIDEOMOMENTS_MODEL=NAME videomoments doctor` tests the model that the message names.",
)
NO_MODEL = ErrorCode(
    "no_model",
    "This run needs a language model, and none is named.",
    "Set VIDEOMOMENTS_MODEL, or name a model in the request (`--model`), and ask for the run "
    "again.",
)
NO_USABLE_ANSWER = ErrorCode(
    "no_usable_answer",
    "None of the model's proposals passed the checks; table moment_candidates has the reasons.",
    f"A retry would only choose again among the same answers; {_BY_ANOTHER}{_OR_PROMPT}.",
)
PRICES_UNKNOWN = ErrorCode(
    "prices_unknown",
    "The budget is in money, and the model's prices are not known.",
    "Set VIDEOMOMENTS_LLM_INPUT_PRICE and VIDEOMOMENTS_LLM_OUTPUT_PRICE, or the prices of the "
    f"model's row in model_configs, {_THEN_RETRY}.",
)
PROMPT_SET_INVALID = ErrorCode(
    "prompt_set_invalid",
    "The file with the model's prompts cannot be read.",
    f"Correct the file that the message names, and ask for the run again{_BEGUN}.",
)
UNKNOWN_KIND = ErrorCode(
    "unknown_kind",
    "There are no prompts for this kind of video.",
    "Ask for the run again with one of the kinds that the message lists.",
)
UNKNOWN_MODEL = ErrorCode(
    "unknown_model",
    "No language model of this name is configured.",
    "Tell VideoMoments where the model is with `videomoments models set` (`--help` shows how), or "
    f"set VIDEOMOMENTS_LLM_URL to its endpoint, and ask for the run again{_BEGUN}.",
)
