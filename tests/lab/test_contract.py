"""What scripts and cron rely on: exit codes, the JSON document, silence, `syncd check`, `conflicts` and completion."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from lab.gramps_web import PASSWORD
from lab.process import plain_environment, wait_until
from lab.s3 import RcloneS3
from lab.world import SYNCD, World, md5
from tests.lab.endings import assert_document, assert_plain, assert_settled, lasting, photo, synced

# --- the document -----------------------------------------------------------------------------------------------------


def test_one_document_on_every_exit(world: World) -> None:
    """`--json` prints exactly one document with the same keys, whatever the exit code: 0, 1, 2, 3, 4, 5 and 6."""
    codes = []

    def run(code: int, *arguments: str) -> None:
        done = world.syncd(*(arguments or ("--once", "--json")))
        assert done.code == code, done
        document = assert_document(done)
        assert (document["error"] is not None) == (code in (2, 4, 5, 6))
        assert (document["stop"] is not None) == (code == 3)
        codes.append(code)

    world.copy_example_images()
    run(0)
    run(0, "--once", "--dry-run", "--json")
    run(0, "--json", "--once", "--full")
    bad = Path(os.fsdecode(os.fsencode(world.folder) + b"/\xff.jpg"))
    bad.write_bytes(photo(1))
    run(1)
    bad.unlink()
    run(2, "--json", "--ones")
    run(2, "check", "--json", "--what")
    run(2, "nonsense", "--json")
    world.configure(medai_dir="/nowhere")
    run(2)
    world.configure(medai_dir=None)
    marker = world.folder / ".syncd" / "folder.json"
    hidden = marker.rename(world.base / "hidden")
    run(3)
    hidden.rename(marker)
    world.server.stop()
    run(4)
    world.server.start()
    with (world.desktop.state_dir / "state.sqlite.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run(5)
    world.configure(state_dir="/proc/1/nowhere")
    run(6)
    world.configure(state_dir=str(world.desktop.state_dir))
    assert set(codes) == {0, 1, 2, 3, 4, 5, 6}
    assert_settled(world)


def test_one_document_when_interrupted(world: World) -> None:
    """`--json` prints its document also when Ctrl-C ends the run (130)."""
    synced(world)
    world.server.pause()
    process = world.desktop.start("--once", "--json")
    lock = world.folder / ".syncd" / "lock"
    wait_until(lambda: lock.stat().st_size > 0, "the run to begin")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    world.server.resume()
    assert process.returncode == 130, err
    document = json.loads(out)
    assert document["exit_code"] == 130
    assert out.count("\n") == 1
    assert_settled(world)


def test_the_document_tells_what_was_done(world: World) -> None:
    """Counts, bytes and actions agree with what happened; a dry run foretells the same and does nothing."""
    synced(world)
    (world.folder / min(world.desktop.files())).rename(world.folder / "moved.jpg")
    world.write("sent.jpg", photo(1, 1000))
    world.api.create("fetched.jpg", photo(2, 2000))
    mark = world.mark()
    foretold = world.sync("--dry-run")
    mark.assert_nothing_written()
    assert foretold["dry_run"] is True
    done = world.sync()
    for document in (foretold, done):
        counts = document["counts"]
        assert {name: number for name, number in counts.items() if number and name != "unchanged"} == {
            "uploaded": 1,
            "added": 1,
            "fetched": 1,
            "moved": 1,
        }
        assert (document["bytes_up"], document["bytes_down"]) == (1000, 2000)
        assert {(item["kind"], item["path"]) for item in document["actions"]} == {
            ("uploaded", "sent.jpg"),
            ("added", "sent.jpg"),
            ("fetched", "fetched.jpg"),
            ("moved", "moved.jpg"),
        }
        for action in document["actions"]:
            assert action.keys() >= {"kind", "path", "handle", "checksum", "size"}
    assert_settled(world)


def test_the_first_code_that_applies(world: World) -> None:
    """Of several reasons the more urgent one gives the code: usage before lock, lock before server, held before problems."""
    synced(world)
    bad = Path(os.fsdecode(os.fsencode(world.folder) + b"/\xff.jpg"))
    bad.write_bytes(photo(1))
    portrait = next(item for item in world.api.media() if world.api.referrers(item["handle"]))
    content = (world.folder / portrait["path"]).read_bytes()
    (world.folder / portrait["path"]).unlink()
    document = world.sync(code=3)
    assert document["problems"]
    assert document["held"]
    assert document["stop"] is None
    world.server.stop()
    assert world.syncd("--once").code == 4
    with (world.desktop.state_dir / "state.sqlite.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert world.syncd("--once").code == 5
        world.configure(conflicts="nonsense")
        assert world.syncd("--once").code == 2
        world.configure(conflicts=None)
    world.server.start()
    bad.unlink()
    world.write(portrait["path"], content)
    world.sync()
    assert_settled(world)


# --- cron -------------------------------------------------------------------------------------------------------------


def test_cron_hears_only_news(world: World) -> None:
    """`-q` says nothing of a sync that went well, tells a held set and a problem once, and no control codes."""
    world.copy_example_images()
    quiet = world.syncd("-q", "--once")
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")
    portrait = next(item for item in world.api.media() if world.api.referrers(item["handle"]))
    content = (world.folder / portrait["path"]).read_bytes()
    (world.folder / portrait["path"]).unlink()
    told = world.syncd("-q", "--once", env={"TERM": "xterm-256color", "LANG": "C"})
    assert told.code == 3
    assert "syncd approve" in told.out
    assert portrait["path"] in told.out
    assert_plain(told)
    for _ in range(2):
        again = world.syncd("-q", "--once")
        assert (again.code, again.out, again.err) == (3, "", "")
    bad = Path(os.fsdecode(os.fsencode(world.folder) + b"/\xff.jpg"))
    bad.write_bytes(photo(1))
    news = world.syncd("-q", "--once")
    assert "\\xff" in news.out
    assert "syncd approve" not in news.out
    assert world.syncd("-q", "--once").out == ""
    bad.unlink()
    world.write(portrait["path"], content)
    world.sync()
    assert_settled(world)


def test_a_failure_is_told_once_to_cron(world: World) -> None:
    """`-q` tells that the login is refused once; after a good run it is news again."""
    synced(world)
    for _ in range(2):
        world.configure(gramps={"password": "wrong"})
        first, second = world.syncd("-q", "--once"), world.syncd("-q", "--once")
        assert (first.code, second.code) == (4, 4)
        assert "Gramps Web" in first.err
        assert_plain(first)
        assert first.out == second.out == second.err == ""
        world.configure(gramps={"password": PASSWORD})
        assert world.syncd("-q", "--once").code == 0
    assert_settled(world)


def test_no_control_codes_without_a_terminal(world: World) -> None:
    """A long report in a cron mail is plain text, even where variables ask for colour."""
    world.copy_example_images()
    env = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
    for arguments in (("--once", "--dry-run"), ("-vv", "--once"), ("check",), ("approve",), ("--help",)):
        assert_plain(world.syncd(*arguments, env=env))
    assert_settled(world)


def test_a_closed_pipe_is_no_defect(world: World) -> None:
    """`syncd --once --dry-run | head -0` ends without a traceback and without a crash file."""
    world.copy_example_images()
    process = world.desktop.start("--once", "--dry-run")
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    assert "Exception ignored" not in err
    assert process.returncode != 70
    assert list(world.desktop.state_dir.glob("crash-*")) == []
    world.sync()
    assert_settled(world)


# --- check ------------------------------------------------------------------------------------------------------------


def test_check_of_a_healthy_world(world: World) -> None:
    """`syncd check` has a line for everything, ends with 0, and changes nothing, before and after the first sync."""
    world.copy_example_images()
    for _ in range(2):
        mark = world.mark()
        folder = sorted(world.base.rglob("*"))
        run = world.syncd("check")
        assert run.code == 0, run
        assert_plain(run)
        for word in ("media folder", "Gramps Web", "login", "tree", "7 media objects", "the bucket"):
            assert word in run.out
        assert "failed" not in run.out
        assert sorted(world.base.rglob("*")) == folder
        assert lasting(mark) == []
        world.sync()
    assert_settled(world)


def test_check_names_each_failure(world: World, rclone: RcloneS3) -> None:
    """`syncd check` says what is wrong, what to do, with the exit code a sync would have, and goes on looking."""
    synced(world)
    good = {
        "gramps": world.desktop.settings["gramps"],
        "s3": world.desktop.settings["s3"],
        "media_dir": str(world.folder),
    }
    away = str(world.base / "unplugged")
    cases: list[tuple[dict[str, object], int, str]] = [
        ({"gramps": {"password": "wrong"}}, 4, "Gramps Web"),
        ({"gramps": {"username": world.tree.users["member"]}}, 3, "login"),
        ({"gramps": {"url": "http://127.0.0.1:9"}}, 4, "Gramps Web"),
        ({"s3": {"secret_access_key": "wrong"}}, 4, "the bucket"),
        ({"s3": {"endpoint_url": "http://127.0.0.1:9"}}, 4, "the bucket"),
        ({"s3": {"url": "s3://another-bucket"}}, 2, "media kept in"),
        ({"s3": None}, 2, "media kept in"),
        ({"media_dir": away}, 3, "media folder"),
        ({"medai_dir": away}, 2, "configuration"),
    ]
    mark = world.mark()
    for change, code, name in cases:
        world.configure(**change)
        run = world.syncd("check")
        assert run.code == code, run
        assert f"failed   {name}" in run.out, run
        assert_plain(run, secrets=(rclone.secret_access_key,))
        world.configure(**good, medai_dir=None)
    world.configure(gramps={"password": "wrong"})
    document = assert_document(world.syncd("check", "--json"))
    (failed,) = [one for one in document["checks"] if one["verdict"] == "failed"]
    assert document["error"] == {"reason": failed["text"], "remedy": failed["remedy"]}
    world.configure(**good)
    assert lasting(mark) == []
    assert_settled(world)


# --- other commands ---------------------------------------------------------------------------------------------------


def test_conflicts_are_listed_until_settled(world: World) -> None:
    """A conflict is listed while its copy is there; when the copy is deleted or renamed, it is settled."""
    synced(world)
    objects = world.api.by_path()
    first, second = sorted(objects)[:2]
    assert world.s3 is not None
    for number, path in enumerate((first, second)):
        world.write(path, photo(number))
        world.api.edit(objects[path]["handle"], checksum=world.s3.put_content(photo(10 + number)))
    document = world.sync()
    kept = {item["path"]: item["kept_as"] for item in document["conflicts"]}
    assert kept.keys() == {first, second}
    assert (world.folder / kept[first]).read_bytes() == photo(0)
    assert (world.folder / first).read_bytes() == photo(10)
    listed = assert_document(world.syncd("conflicts", "--json"))
    assert {item["kept_as"] for item in listed["conflicts"]} == set(kept.values())
    assert_settled(world)
    (world.folder / kept[first]).unlink()
    (world.folder / kept[second]).rename(world.folder / "both are good.jpg")
    assert assert_document(world.syncd("conflicts", "--json"))["conflicts"] == []
    world.sync()
    assert "No conflicts" in world.syncd("conflicts").out
    assert kept[first] not in world.catalog()
    assert world.catalog()["both are good.jpg"]
    assert_settled(world)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str, tmp_path: Path) -> None:
    """`syncd completion` prints a script for each shell, without a configuration; bash really completes with it."""
    environment = {
        **plain_environment(),
        "HOME": str(tmp_path),
        "PATH": f"{SYNCD.parent}:{os.environ['PATH']}",
    }
    script = subprocess.run(
        [SYNCD, "completion", shell], env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert "_SYNCD_COMPLETE" in script
    if shell != "bash":
        return
    ask = 'source /dev/stdin; COMP_WORDS=(syncd che); COMP_CWORD=1; _syncd_completion syncd; echo "${COMPREPLY[@]}"'
    done = subprocess.run(
        ["bash", "-c", ask], input=script, env=environment, capture_output=True, text=True, check=True
    )
    assert "check" in done.stdout


def test_full_looks_behind_the_shortcuts(world: World) -> None:
    """`--full` notices what no feed tells: a key that vanished from the bucket; it is sent again from the folder."""
    synced(world)
    assert world.s3 is not None
    lost = next(item["checksum"] for item in world.api.media())
    world.s3.delete(lost)
    document = world.sync("--full")
    assert document["counts"]["uploaded"] == 1
    assert lost in world.s3
    assert_settled(world)


def test_a_damaged_copy_is_mended_once(world: World) -> None:
    """A copy of the wrong size in the bucket is replaced by the folder's good one, and sent no second time."""
    synced(world)
    assert world.s3 is not None
    path, content = next(iter(world.desktop.files().items()))
    world.s3.put(md5(content), content[:10])
    document = world.sync("--full")
    assert [(action["kind"], action["path"]) for action in document["actions"]] == [("uploaded", path)]
    assert document["bytes_up"] == len(content)
    assert_settled(world)
