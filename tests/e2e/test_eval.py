"""`videomoments eval` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shared.domain.documents import Json
from tests.support.llm.server import Reply, good_answer, llm_server, user_text
from tests.support.processes.command import SAMPLE, environment, videomoments

HELD_OUT = Path(__file__).parents[2] / "cli" / "evaluation" / "sets" / "held_out.json"


@pytest.fixture
def two_items(tmp_path: Path) -> Path:
    """The first two items of the project's set, as a set of their own."""
    content = json.loads(HELD_OUT.read_text(encoding="utf-8"))
    path = tmp_path / "two.json"
    path.write_text(json.dumps({"name": "two", "items": content["items"][:2]}), encoding="utf-8")
    return path


def test_eval_table_has_every_item_config_and_baseline(two_items: Path) -> None:
    """The output has items, configs, the three baselines, a total and a diff."""
    done = videomoments(
        *("eval", two_items, "--config", "usual=extractive"),
        *("--config", "short=extractive,max_length=20", "--diff", "usual", "short"),
    )
    assert done.returncode == 0, done.stderr
    names = [item["name"] for item in json.loads(two_items.read_text())["items"]]
    told = ["usual", "short", "equal-cuts", "random", "texttiling", "TOTAL", "short − usual"]  # noqa: RUF001
    for text in [*names, *told, "R@.5", "R@.7", "F1", "mIoU", "Pk", "WD", "cut", "cost"]:
        assert text in done.stdout


def test_eval_json_has_every_measure(two_items: Path) -> None:
    """Spans keep the config's bounds; measures are given per item and in total, with the diff."""
    done = videomoments(
        *("eval", two_items, "--json", "--no-baselines", "--diff", "a", "b"),
        *("--config", "a=extractive", "--config", "b=extractive,max_length=20,max_moments=3"),
    )
    assert done.returncode == 0, done.stderr
    found: Json = json.loads(done.stdout)
    assert [c["name"] for c in found["configs"]] == ["a", "b"]
    for item in found["items"]:
        spans = item["results"]["b"]["spans"]
        assert 1 <= len(spans) <= 3
        assert all(end - start <= 20.001 for start, end in spans)
    total = found["total"]
    assert total["a"]["cut_words"] == total["b"]["cut_words"] == 0
    change = total["b"]["recall_50"] - total["a"]["recall_50"]
    assert found["diff"]["total"]["recall_50"] == pytest.approx(change)


@pytest.mark.parametrize(
    ("limit", "code"),
    [
        ("recall@0.5=0.01", 0),
        ("recall@0.5=1.01", 1),
        ("pk=0.9", 0),
        ("pk=0.0001", 1),
        ("random:recall_50=1.01", 1),
    ],
)
def test_eval_exits_with_1_when_a_total_misses_its_limit(
    two_items: Path, limit: str, code: int
) -> None:
    """The miss is one line on stderr."""
    done = videomoments("eval", two_items, "--fail-under", limit, "--json")
    assert done.returncode == code, done.stderr
    assert (limit.partition(":")[2] or limit).partition("=")[0][:2] in done.stderr or code == 0
    assert json.loads(done.stdout)["total"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--config", "x=nothing"], "no method 'nothing'"),
        (["--config", "x=model"], "name the model"),
        (["--config", "x=model,model=nobody"], "VIDEOMOMENTS_LLM_URL"),
        (["--config", "extractive,length=5"], "unknown option 'length'"),
        (["--config", "extractive,max_length=2"], "bounds contradict"),
        (["--fail-under", "beauty=1"], "write METRIC=VALUE"),
        (["--diff", "extractive", "other"], "There is no config 'other'"),
    ],
)
def test_eval_refuses_a_wrong_command_line_in_one_line(
    two_items: Path, arguments: list[str], says: str
) -> None:
    """The error has no traceback."""
    done = videomoments("eval", two_items, *arguments)
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_eval_measures_models_beside_the_generator(two_items: Path, tmp_path: Path) -> None:
    """It shows tokens, cost and a diff of two prompt sets; a refused item ends nothing."""
    content = json.loads(two_items.read_text())
    names = [item["name"] for item in content["items"]]
    refused = content["items"][1]["words"][0][0]

    def script(request: Json) -> Reply:
        is_refused = f"| {refused}" in user_text(request) and "teacher" in str(request)
        return Reply(None, refusal="Not this one.") if is_refused else good_answer(request)

    with llm_server(script) as server:
        env = environment(llm_url=server.url, llm_input_price="1", llm_output_price="2")
        done = videomoments(
            *("eval", two_items, "--json", "--no-baselines", "--data", tmp_path / "data"),
            *("--config", "talks=model,model=tiny,window_tokens=700,overlap_tokens=100"),
            *("--config", "lessons=model,model=tiny,prompt_set=lesson,max_moments=2"),
            *("--config", "extractive", "--diff", "talks", "lessons"),
            env=env,
        )
    assert done.returncode == 1, done.stderr
    assert f"{names[1]}, lessons" in " ".join(done.stderr.split())
    assert "Not this one." in " ".join(done.stderr.split())
    found: Json = json.loads(done.stdout)
    first, second = (item["results"] for item in found["items"])
    assert [r["error"] for r in (first["talks"], first["lessons"], second["talks"])] == [None] * 3
    assert "Not this one." in second["lessons"]["error"]
    assert (second["lessons"]["moments"], second["lessons"]["recall_50"]) == (0, 0)
    assert 1 <= first["lessons"]["moments"] <= 2
    assert all(first[c]["tokens"] > 0 and first[c]["cost"] > 0 for c in ("talks", "lessons"))
    assert (first["extractive"]["tokens"], first["extractive"]["cost"]) == (0, 0)
    total = found["total"]
    change = total["lessons"]["cost"] - total["talks"]["cost"]
    assert found["diff"]["total"]["cost"] == pytest.approx(change)
    assert found["configs"][1]["model"] == "tiny"


@pytest.mark.slow
def test_eval_transcribes_media_by_the_ordinary_stages(tmp_path: Path) -> None:
    """The sample's three topics are heard and found."""
    content = {
        "items": [
            {
                "name": "sample",
                "media": str(SAMPLE),
                "moments": [[0, 30], [30, 58], [58, 90]],
                "bounds": {"min_length_seconds": 10, "max_length_seconds": 45},
            }
        ]
    }
    path = tmp_path / "set.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    done = videomoments(*("eval", path, "--json", "--data", tmp_path / "data"), env=environment())
    assert done.returncode == 0, done.stderr
    found: Json = json.loads(done.stdout)
    assert found["total"]["extractive"]["moments"] == 3
    assert found["total"]["extractive"]["cut_words"] == 0


def test_eval_names_missing_media(tmp_path: Path) -> None:
    """The message names item and file; the other items are measured."""
    path = tmp_path / "set.json"
    lost = {"name": "lost", "media": "lost.mp4", "moments": [[0, 5]]}
    given = json.loads(HELD_OUT.read_text(encoding="utf-8"))["items"][0]
    path.write_text(json.dumps([lost, given]), encoding="utf-8")
    done = videomoments("eval", path, "--json", "--no-baselines", "--data", tmp_path / "data")
    assert done.returncode == 1
    assert "lost.mp4" in done.stderr
    first, second = json.loads(done.stdout)["items"]
    assert "lost.mp4" in first["results"]["extractive"]["error"]
    assert second["results"]["extractive"]["moments"] > 0
