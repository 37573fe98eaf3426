"""Child processes: limited, isolated and certain to end. Real processes, no media."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

import shared.media.sandbox.process as process
from shared.errors import MediaError, Reject, SettingsError
from shared.media.sandbox.process import Child, Limits, Sandbox
from shared.media.sandbox.runner import find_ffmpeg, run_ffmpeg, run_operation
from tests.support.patience import PATIENCE_SECONDS

PYTHON = sys.executable


def script(tmp_path: Path, body: str) -> str:
    """A program with this body, run in ffmpeg's place with any arguments."""
    path = tmp_path / "program"
    path.write_text(f"#!{PYTHON} -IS\n{body}\n")
    path.chmod(0o755)
    return str(path)


def is_alive(pid: int) -> bool:
    """True while the process exists and is not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for(condition: object, seconds: float = PATIENCE_SECONDS) -> bool:
    """True if `condition` became true in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.02)
    return False


def test_child_gets_no_secret_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A child has only PATH, LANG and TMPDIR, no standard input, and leads its own session."""
    monkeypatch.setenv("VIDEOMOMENTS_SECRET", "hunter2")
    body = "import os,sys; print([sorted(os.environ), sys.stdin.read(), os.getsid(0)==os.getpid()])"
    with Child("exec", [PYTHON, "-IS", "-c", body], Sandbox(Limits(), 60)) as child:
        seen = child.stdout.read().decode()
    assert "SECRET" not in seen
    assert set(json.loads(seen.replace("'", '"').replace("True", "true"))[0]) <= {
        "LANG",
        "LC_CTYPE",
        "PATH",
        "TMPDIR",
    }
    assert seen.rstrip().endswith("'', True]")


def test_child_is_killed_at_its_deadline_when_idle(tmp_path: Path) -> None:
    """The error is transient, since the source may be slow."""
    limits = Limits(ffmpeg=script(tmp_path, "import time; time.sleep(3600)"))
    with pytest.raises(MediaError, match="did not end in time"):
        run_ffmpeg([], sandbox=Sandbox(limits, 0.5))


def test_child_fails_permanently_when_it_computes_past_its_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A child that is busy past its deadline or its CPU seconds blames the input."""
    # A busy machine gives a child only a small share of the CPU.
    monkeypatch.setattr(process, "_BUSY_SHARE", 0.02)
    limits = Limits(ffmpeg=script(tmp_path, "while True: pass"))
    with pytest.raises(Reject) as by_clock:
        run_ffmpeg([], sandbox=Sandbox(limits, 1.5))
    with pytest.raises(Reject) as by_cpu:
        run_ffmpeg([], sandbox=Sandbox(replace(limits, cpu_seconds=1), PATIENCE_SECONDS))
    assert {by_clock.value.code, by_cpu.value.code} == {"media_too_costly"}


def test_child_cannot_allocate_past_its_address_space(tmp_path: Path) -> None:
    """An allocation beyond the limit fails in the child."""
    body = "x = bytearray(2 * 1024**3)"
    limits = Limits(ffmpeg=script(tmp_path, body), address_space_bytes=512 * 1024**2)
    with pytest.raises(MediaError, match="MemoryError"):
        run_ffmpeg([], sandbox=Sandbox(limits, PATIENCE_SECONDS))


@pytest.mark.parametrize(
    "lack",
    ["Cannot allocate memory", "Resource temporarily unavailable", "No space left on device"],
)
def test_child_fails_transiently_when_the_machine_lacks_resources(
    tmp_path: Path, lack: str
) -> None:
    """The error is transient even if ffmpeg also reports a decoding error."""
    said = f"Error while decoding stream #0:0: {lack}\\nInvalid data found when processing input"
    body = f"import sys; sys.exit('{said}')"
    with pytest.raises(MediaError, match="ended with 1"):
        run_ffmpeg([], sandbox=Sandbox(Limits(ffmpeg=script(tmp_path, body)), PATIENCE_SECONDS))
    blamed = script(tmp_path, body.replace(lack, "-1094995529"))
    with pytest.raises(Reject, match="cannot be decoded"):
        run_ffmpeg([], sandbox=Sandbox(Limits(ffmpeg=blamed), PATIENCE_SECONDS))


def test_child_fails_permanently_when_its_output_file_is_too_large(tmp_path: Path) -> None:
    """A file past its size limit ends the child."""
    body = (
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_DFL)\n"
        f"f = open({str(tmp_path / 'out')!r}, 'wb'); f.write(bytes(2_000_000)); f.flush()"
    )
    limits = Limits(ffmpeg=script(tmp_path, body), file_size_bytes=1_000_000)
    with pytest.raises(Reject) as error:
        run_ffmpeg([], sandbox=Sandbox(limits, PATIENCE_SECONDS))
    assert error.value.code == "media_too_large"


def test_child_fails_transiently_when_killed_from_outside(tmp_path: Path) -> None:
    """SIGKILL, as from the out-of-memory killer, is transient."""
    body = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    with pytest.raises(MediaError, match="-9"):
        run_ffmpeg([], sandbox=Sandbox(Limits(ffmpeg=script(tmp_path, body)), PATIENCE_SECONDS))


def test_child_fails_transiently_when_the_encoder_runs_out_of_memory(tmp_path: Path) -> None:
    """x264's message is recognised, and the file is not blamed for the errors that follow."""
    body = (
        "import sys\n"
        "print('x264 [error]: malloc of size 16386 failed', file=sys.stderr)\n"
        "print('Error while decoding stream #0:0: Invalid data found', file=sys.stderr)\n"
        "sys.exit(1)"
    )
    with pytest.raises(MediaError):
        run_ffmpeg([], sandbox=Sandbox(Limits(ffmpeg=script(tmp_path, body)), PATIENCE_SECONDS))


def test_child_keeps_only_the_last_line_of_endless_messages(tmp_path: Path) -> None:
    """Megabytes of messages neither block the child nor stay in memory."""
    body = "import sys\nfor n in range(200_000): print('noise', n, file=sys.stderr)\nsys.exit(3)"
    with pytest.raises(MediaError, match="ended with 3: noise 199999"):
        run_ffmpeg([], sandbox=Sandbox(Limits(ffmpeg=script(tmp_path, body)), PATIENCE_SECONDS))


def test_child_is_killed_with_its_children(tmp_path: Path) -> None:
    """The whole process group dies."""
    body = "import os, time\npid = os.fork()\nif pid: print(pid, flush=True)\ntime.sleep(3600)"
    with Child("exec", [script(tmp_path, body)], Sandbox(Limits(), 3600)) as child:
        grandchild = int(child.stdout.readline())
        assert is_alive(grandchild)
    assert wait_for(lambda: not is_alive(grandchild))


@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")
def test_child_dies_when_its_parent_is_killed() -> None:
    """SIGKILL of the parent leaves no child behind."""
    root = Path(__file__).resolve().parents[3]
    body = (
        f"import sys; sys.path.insert(0, {str(root)!r})\n"
        "from shared.media.sandbox.process import Child, Limits, Sandbox\n"
        "waits = 'import time; print(1, flush=True); time.sleep(60)'\n"
        "command = [sys.executable, '-IS', '-c', waits]\n"
        "child = Child('exec', command, Sandbox(Limits(), 60))\n"
        "child.stdout.readline()\n"
        "print(child.pid, flush=True)\n"
        "child.stdout.read()\n"
    )
    parent = subprocess.Popen([PYTHON, "-c", body], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert is_alive(pid)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    assert wait_for(lambda: not is_alive(pid))


def test_ffmpeg_is_taken_from_setting_then_path_then_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each takes precedence over the next; a setting without a program is an error."""
    find = find_ffmpeg.__wrapped__
    on_path = tmp_path / "ffmpeg"
    on_path.write_text("#!/bin/sh\n")
    on_path.chmod(0o755)
    named = script(tmp_path, "")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find(named) == named
    assert find(None) == str(on_path)
    on_path.unlink()
    assert "imageio_ffmpeg" in find(None)
    with pytest.raises(SettingsError, match="nowhere"):
        find(str(tmp_path / "nowhere"))


def test_child_fails_transiently_when_a_file_is_missing(tmp_path: Path) -> None:
    """A file that the child cannot open is transient, not a Reject."""
    request = {"location": str(tmp_path / "absent")}
    with pytest.raises(MediaError, match="absent"):
        run_operation("probe", request, sandbox=Sandbox(Limits(), PATIENCE_SECONDS))
