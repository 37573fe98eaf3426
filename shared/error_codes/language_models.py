"""What can go wrong with a language model. Without one, moments are found all the same."""

from __future__ import annotations

from shared.error_codes.declared import ErrorCode

_THEN_RETRY = "then `videomoments retry VIDEO`"

LANGUAGE_MODEL_CODES = {
    "budget_exceeded": ErrorCode(
        "What the run may spend on the language model is spent; nothing more was asked.",
        "Raise VIDEOMOMENTS_LLM_BUDGET_TOKENS or VIDEOMOMENTS_LLM_BUDGET_COST, "
        f"{_THEN_RETRY}; what was answered is not asked again.",
    ),
    "invalid_answer": ErrorCode(
        "The model's answer did not have the form it was asked for, not even the second time.",
        "`videomoments retry VIDEO` asks again; a larger model keeps to the form more often.",
    ),
    "model_context_exceeded": ErrorCode(
        "A question to the model was longer than it can read.",
        "Lower VIDEOMOMENTS_LLM_WINDOW_TOKENS, or state the model's real room in "
        f"VIDEOMOMENTS_LLM_CONTEXT_TOKENS; {_THEN_RETRY}.",
    ),
    "model_not_found": ErrorCode(
        "The endpoint does not have the model it was asked for.",
        f"Correct VIDEOMOMENTS_MODEL or load the model at the endpoint, {_THEN_RETRY}.",
    ),
    "model_quota_exceeded": ErrorCode(
        "The account at the model's provider has no quota or credit left.",
        f"Raise the quota there, or name another model, {_THEN_RETRY}.",
    ),
    "model_refused": ErrorCode(
        "The model would not answer about this transcript.",
        f"Name another model, or ask for something else, {_THEN_RETRY}.",
    ),
    "model_request_rejected": ErrorCode(
        "The model's endpoint does not understand the request.",
        "Check that VIDEOMOMENTS_LLM_URL is an OpenAI-compatible endpoint and that the model knows "
        f"the parameters it is given, {_THEN_RETRY}.",
    ),
    "model_unauthorized": ErrorCode(
        "The model's endpoint refuses the key or the account.",
        f"Correct VIDEOMOMENTS_LLM_API_KEY or the account's permissions, {_THEN_RETRY}.",
    ),
    "no_model": ErrorCode(
        "What was asked for needs a language model, and none is named.",
        f"Set VIDEOMOMENTS_MODEL, or name a model in the request, {_THEN_RETRY}.",
    ),
    "no_usable_answer": ErrorCode(
        "Nothing the model proposed stood the checks; table moment_candidates has the reasons.",
        f"Name another model, {_THEN_RETRY}.",
    ),
    "prices_unknown": ErrorCode(
        "A budget in money was set, and what the model costs is not known.",
        "Set VIDEOMOMENTS_LLM_INPUT_PRICE and VIDEOMOMENTS_LLM_OUTPUT_PRICE, or the prices of the "
        f"model's row in model_configs, {_THEN_RETRY}.",
    ),
    "prompt_set_invalid": ErrorCode(
        "The file with the model's prompts cannot be read.",
        f"Correct the file the message names, {_THEN_RETRY}.",
    ),
    "unknown_kind": ErrorCode(
        "There are no prompts for the kind of recording that was named.",
        "Ask for the run again with one of the kinds the message lists.",
    ),
    "unknown_model": ErrorCode(
        "No language model of this name is known here.",
        "Add it to table model_configs, or set VIDEOMOMENTS_LLM_URL to the endpoint that has it; "
        f"{_THEN_RETRY}.",
    ),
}
