"""`videomoments run --model` as a user types it, with a scripted model behind real HTTP."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.support.llm.server import Reply, form_of, good_answer, llm_server
from tests.support.processes.command import SAMPLE, environment, run_json, videomoments


def test_run_finds_moments_with_a_model(tmp_path: Path) -> None:
    """Clips belong to root moments, refined ones stand beside them, and the prompt can be shown.

    The address comes from a row that `models set` wrote; the padding ends at the next word.
    """
    with llm_server(good_answer) as server:
        here = ("--data", tmp_path)
        url = ("--url", server.url, "--input-price", "1", "--output-price", "2")
        done = videomoments("models", "set", "tiny", "--model", "tiny-1b", *url, *here)
        assert done.returncode == 0, done.stderr
        listed = json.loads(videomoments("models", "list", "--json", *here).stdout)
        assert [m["name"] for m in listed["models"]] == ["tiny"]
        (found,) = run_json(
            SAMPLE,
            "--model",
            "tiny",
            "--prompt",
            "Anything about bread",
            *here,
            "--max-moments",
            "3",
        )
        (again,) = run_json(SAMPLE, "--pipeline-type", "scores_only", "--model", "tiny", *here)
    assert found["status"] == "completed", found["error_message"]
    assert again["status"] == "completed", again["error_message"]
    assert [m["identifier"] for m in again["moments"]] == [
        m["identifier"] for m in found["moments"]
    ]
    roots = [m for m in found["moments"] if not m["is_refined"]]
    refined = [m for m in found["moments"] if m["is_refined"]]
    assert 1 <= len(roots) <= 3
    assert len(refined) == len(roots)
    assert {clip["moment"] for clip in found["clips"]} == {m["identifier"] for m in roots}
    asked = [request for request in server.requests if form_of(request) != "scoring"]
    assert all("Anything about bread" in str(request) for request in asked)
    assert len(server.requests_for("scoring")) == 2
    for moment in (roots[0], refined[0]):
        shown = videomoments("show", moment["identifier"], "--prompt", "--json", *here)
        document = json.loads(shown.stdout)
        sent = [tuple(m["content"] for m in r["messages"][:2]) for r in server.requests]
        assert (document["prompt"]["system"], document["prompt"]["user"]) in sent
    plain = videomoments("show", roots[0]["identifier"], *here)
    assert roots[0]["title"] in plain.stdout
    assert videomoments("show", "nothing", *here).returncode == 1
    assert videomoments("models", "remove", "tiny", *here).returncode == 0


def test_run_refuses_an_unknown_model_in_one_line(tmp_path: Path) -> None:
    """It refuses before any work, and names the setting."""
    done = videomoments("run", SAMPLE, "--model", "nobody", "--data", tmp_path, env=environment())
    assert done.returncode == 1
    assert "unknown" not in done.stdout
    assert "VIDEOMOMENTS_LLM_URL" in done.stderr


def test_run_reports_a_model_that_finds_nothing(tmp_path: Path) -> None:
    """`run` and `explain` say that the moments were chosen without the model."""
    here = ("--data", tmp_path)
    with llm_server(lambda request: Reply(json.dumps({"moments": []}))) as server:
        env = environment(llm_url=server.url, llm_score="false", llm_refine="false")
        asked = ("--model", "x", "--prompt", "the funny parts")
        done = videomoments("run", SAMPLE, *asked, *here, env=env)
    told = "The model found no moment; these were chosen without it."
    assert told in done.stdout
    (video,) = set(re.findall(r"three-topics-[0-9a-f]{10}", done.stdout))
    assert told in videomoments("explain", video, *here).stdout


def test_run_warns_about_a_prompt_without_a_model(tmp_path: Path) -> None:
    """One line says that the prompt has no effect, and the run continues."""
    here = ("--data", tmp_path, "--pipeline-type", "moments_only")
    done = videomoments("run", SAMPLE, "--prompt", "the funny parts", *here, env=environment())
    assert done.returncode == 0
    assert done.stderr.count("The prompt is not used") == 1
    assert "model found" not in done.stdout
