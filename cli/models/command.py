"""Commands about language models: `show` a moment's origin, and `models`."""

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
        bool, typer.Option("--prompt", help="Also show the complete prompt.")
    ] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Show a moment, its generator, and the reason for it.

    The command rebuilds the prompt from the stored prompt, the transcript and the config, so it
    works even after the recorded call was deleted.
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
    name: Annotated[str, typer.Argument(help="Name for `run --model NAME`.")],
    model: Annotated[str, typer.Option(help="The endpoint's name for it.")],
    provider: Annotated[
        Literal["openai", "vertex"],
        typer.Option(help="An OpenAI-compatible endpoint, or Gemini on Vertex AI."),
    ] = "openai",
    url: Annotated[str | None, typer.Option(help="The endpoint's address.")] = None,
    api_key_name: Annotated[
        str | None,
        typer.Option(
            metavar="KEY", help="The key is read from VIDEOMOMENTS_LLM_API_KEY_<KEY>, never stored."
        ),
    ] = None,
    location: Annotated[str | None, typer.Option(help="Vertex AI's location.")] = None,
    output: Annotated[
        Literal["schema", "json", "text"] | None,
        typer.Option(help="How to request the answer's form."),
    ] = None,
    temperature: Annotated[float | None, typer.Option(min=0, max=2)] = None,
    top_p: Annotated[float | None, typer.Option(min=0, max=1)] = None,
    top_k: Annotated[int | None, typer.Option(min=1)] = None,
    context_tokens: Annotated[int | None, typer.Option(min=2048)] = None,
    answer_tokens: Annotated[int | None, typer.Option(min=256)] = None,
    timeout_seconds: Annotated[float | None, typer.Option(min=1, max=250)] = None,
    input_price: Annotated[
        float | None, typer.Option(min=0, help="Price of a million input tokens.")
    ] = None,
    output_price: Annotated[
        float | None, typer.Option(min=0, help="Price of a million output tokens.")
    ] = None,
    data: Data = None,
) -> None:
    """Add or replace a model. The settings fill the gaps."""
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
    """Remove a model. Its moments stay."""
    from cli.models.models import remove_model

    raise typer.Exit(remove_model(load_settings(), Home.of(data), name))
