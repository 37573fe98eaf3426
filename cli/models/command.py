"""Commands about language models: show where a moment comes from, and the models themselves."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from cli.arguments import AsJson, Data
from cli.local.home import Home
from shared.settings.settings import load_settings

app = typer.Typer()
models_app = typer.Typer(
    help="Named language models: their endpoints and parameters.", no_args_is_help=True
)


@app.command(epilog="Example: videomoments show 5b31136f49b1cdbd --prompt")
def show(
    moment: Annotated[str, typer.Argument(help="A moment's identifier.")],
    prompt: Annotated[
        bool, typer.Option("--prompt", help="Also the complete prompt it was found with.")
    ] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Show a moment, what found it, and why.

    The prompt is rebuilt from the stored prompt, the transcript and the config, so it is there
    long after the call itself was deleted.
    """
    from cli.insight.show import show_moment

    code = show_moment(load_settings(), Home.of(data), moment, with_prompt=prompt, as_json=as_json)
    raise typer.Exit(code)


@models_app.command("list", epilog="Example: videomoments models list --json")
def list_all(data: Data = None, as_json: AsJson = False) -> None:
    """Show every named model."""
    from cli.models.models import list_models

    raise typer.Exit(list_models(load_settings(), Home.of(data), as_json=as_json))


@models_app.command(
    "set",
    epilog="Example: videomoments models set qwen --model qwen3:8b --url http://127.0.0.1:11434/v1",
)
def set_one(
    name: Annotated[str, typer.Argument(help="What runs call it: run --model NAME.")],
    model: Annotated[str, typer.Option(help="What its endpoint calls it.")],
    provider: Annotated[
        Literal["openai", "vertex"],
        typer.Option(help="An OpenAI-compatible endpoint, or Gemini on Vertex AI."),
    ] = "openai",
    url: Annotated[str | None, typer.Option(help="The endpoint's address.")] = None,
    api_key_name: Annotated[
        str | None,
        typer.Option(
            metavar="KEY", help="Its key is in VIDEOMOMENTS_LLM_API_KEY_<KEY>, never in a row."
        ),
    ] = None,
    location: Annotated[str | None, typer.Option(help="Vertex AI's location.")] = None,
    output: Annotated[
        Literal["schema", "json", "text"] | None,
        typer.Option(help="How the answer's form is asked for."),
    ] = None,
    temperature: Annotated[float | None, typer.Option(min=0, max=2)] = None,
    top_p: Annotated[float | None, typer.Option(min=0, max=1)] = None,
    top_k: Annotated[int | None, typer.Option(min=1)] = None,
    context_tokens: Annotated[int | None, typer.Option(min=2048)] = None,
    answer_tokens: Annotated[int | None, typer.Option(min=256)] = None,
    timeout_seconds: Annotated[float | None, typer.Option(min=1, max=250)] = None,
    input_price: Annotated[
        float | None, typer.Option(min=0, help="Of a million tokens of question.")
    ] = None,
    output_price: Annotated[
        float | None, typer.Option(min=0, help="Of a million tokens of answer.")
    ] = None,
    data: Data = None,
) -> None:
    """Add a model, or replace it. What is not given is as the settings say."""
    from cli.models.models import set_model

    values = {
        "name": name,
        "model": model,
        "provider": provider,
        "url": url,
        "api_key_name": api_key_name,
        "location": location,
        "output": output,
        "temperature": temperature,
        "top_p": top_p,
        "top_k": top_k,
        "context_tokens": context_tokens,
        "answer_tokens": answer_tokens,
        "timeout_seconds": timeout_seconds,
        "input_price": input_price,
        "output_price": output_price,
    }
    raise typer.Exit(set_model(load_settings(), Home.of(data), values))


@models_app.command("remove", epilog="Example: videomoments models remove qwen")
def remove(name: Annotated[str, typer.Argument(help="A model's name.")], data: Data = None) -> None:
    """Remove a model. What it found stays."""
    from cli.models.models import remove_model

    raise typer.Exit(remove_model(load_settings(), Home.of(data), name))
