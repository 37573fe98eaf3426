"""What can go wrong with a language model. Without one, moments are found all the same."""

from __future__ import annotations

from shared.errors import ErrorCode

_THEN_RETRY = "then `videomoments retry VIDEO`"
# A retry keeps what the run was asked with: another model, or another prompt, is another run.
_BY_ANOTHER = (
    "ask another model with `videomoments run FILE --model OTHER` (in the cloud: publish a "
    "pipeline-requested message whose options name it)"
)
_OR_PROMPT = "; another `--prompt` may help too"
_BEGUN = "; `videomoments retry VIDEO` goes on with a run that had begun"

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
        "Give the model more room at its endpoint, or lower VIDEOMOMENTS_LLM_ANSWER_TOKENS, "
        f"{_THEN_RETRY}. A lower VIDEOMOMENTS_LLM_WINDOW_TOKENS or VIDEOMOMENTS_LLM_CONTEXT_TOKENS "
        "counts only in a run from the beginning: `videomoments delete VIDEO`, then run it again.",
    ),
    "model_not_found": ErrorCode(
        "The endpoint does not have the model it was asked for.",
        "Load the model at the endpoint, or correct VIDEOMOMENTS_LLM_URL (it ends where the API "
        f"begins, mostly in /v1), {_THEN_RETRY}. Or {_BY_ANOTHER}.",
    ),
    "model_quota_exceeded": ErrorCode(
        "The account at the model's provider has no quota or credit left.",
        f"Raise the quota there, {_THEN_RETRY}. Or {_BY_ANOTHER}.",
    ),
    "model_refused": ErrorCode(
        "The model would not answer about this transcript.",
        f"A retry asks the same again; {_BY_ANOTHER}{_OR_PROMPT}.",
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
        "Set VIDEOMOMENTS_MODEL, or name a model in the request (`--model`), and ask for the run "
        "again.",
    ),
    "no_usable_answer": ErrorCode(
        "Nothing the model proposed stood the checks; table moment_candidates has the reasons.",
        f"A retry only chooses again among the same answers; {_BY_ANOTHER}{_OR_PROMPT}.",
    ),
    "prices_unknown": ErrorCode(
        "A budget in money was set, and what the model costs is not known.",
        "Set VIDEOMOMENTS_LLM_INPUT_PRICE and VIDEOMOMENTS_LLM_OUTPUT_PRICE, or the prices of the "
        f"model's row in model_configs, {_THEN_RETRY}.",
    ),
    "prompt_set_invalid": ErrorCode(
        "The file with the model's prompts cannot be read.",
        f"Correct the file the message names, and ask for the run again{_BEGUN}.",
    ),
    "unknown_kind": ErrorCode(
        "There are no prompts for the kind of recording that was named.",
        "Ask for the run again with one of the kinds the message lists.",
    ),
    "unknown_model": ErrorCode(
        "No language model of this name is known here.",
        "Say where it is with `videomoments models set` (`--help` shows how), or set "
        "VIDEOMOMENTS_LLM_URL to the endpoint that has it, and ask for the run again"
        f"{_BEGUN}.",
    ),
}
