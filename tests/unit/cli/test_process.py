"""`syncd` as a process of its own: signals, pipes, terminals, locales, and how fast it starts."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.unit.cli.desk import Document, write_config

PROGRAM = """
import sys, time, threading
from types import ModuleType
from syncd.model import MediaPath, Problem
from syncd.model.plan import Counts, Outcome
from syncd.ports import Phase

def run_once(settings, *, full, dry_run, progress, begun):
    {body}

once = ModuleType("syncd.once")
once.run_once = run_once
sys.modules["syncd.once"] = once
from syncd.cli.main import main
main()
"""

QUICK = "return Outcome(counts=Counts(unchanged=4))"
HANGING = """
    try:
        print("begun", file=sys.stderr, flush=True)
        time.sleep(60)
    finally:
        print("tidied up", file=sys.stderr, flush=True)
"""
STUBBORN = """
    try:
        print("begun", file=sys.stderr, flush=True)
        time.sleep(60)
    finally:
        print("tidying", file=sys.stderr, flush=True)
        time.sleep(60)
"""

LONG_ANSWER = """
    from syncd.model.plan import Done
    print("begun", file=sys.stderr, flush=True)
    return Outcome(actions=tuple(Done("fetched", f"{one}.jpg", "h", "0" * 32, 5) for one in range(20_000)))
"""
"""More than a pipe holds."""
SOONER = "import syncd.cli.session\n    syncd.cli.session.Session.ends_within = property(lambda self: 0.3)"
"""Before a body: what hangs is waited for less."""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A desktop that is set up."""
    (tmp_path / "media").mkdir()
    write_config(tmp_path)
    return tmp_path


def environment(home: Path, **more: str) -> Mapping[str, str]:
    """Next to nothing, as cron gives it."""
    root = Path(__file__).parents[3]
    return {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(root)} | {
        "SYNCD_CONFIG": str(home / "syncd.toml"),
        **more,
    }


def command(body: str, *arguments: str) -> list[str]:
    """The command line of a syncd whose runs have this body."""
    return [sys.executable, "-c", PROGRAM.format(body=body), *arguments]


def start(home: Path, body: str, *arguments: str, **more: str) -> subprocess.Popen[str]:
    """Start a run that says when it has begun."""
    process = subprocess.Popen(
        command(body, *arguments),
        env=environment(home, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert process.stderr.readline() == "begun\n"
    return process


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_tidies_up_and_answers(home: Path, number: signal.Signals, code: int) -> None:
    """Ctrl-C and SIGTERM: the run cleans up, a document and one line are written, no traceback."""
    process = start(home, HANGING, "--once", "--json")
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert process.returncode == code
    assert "tidied up" in err
    assert "Traceback" not in err
    document = Document.model_validate(json.loads(out))
    assert document.exit_code == code
    assert document.error is not None


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_second_signal_ends_at_once_and_still_answers(
    home: Path, number: signal.Signals, code: int
) -> None:
    """Who presses Ctrl-C twice waits for nothing; the document is there all the same."""
    process = start(home, STUBBORN, "--once", "--json")
    process.send_signal(number)
    assert process.stderr is not None
    assert process.stderr.readline() == "tidying\n"
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert process.returncode == code
    assert "Traceback" not in err
    assert Document.model_validate(json.loads(out)).exit_code == code


SENT = """
    from syncd.model.plan import Done
    begun(lambda: Outcome(actions=(Done("uploaded", "a.jpg", "h", "0" * 32, 5),), counts=Counts(uploaded=1)))
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("arguments", [("--once", "--json"), ("--once",)], ids=["json", "words"])
def test_what_was_done_is_told_whatever_hangs(
    home: Path, number: signal.Signals, code: int, arguments: tuple[str, ...]
) -> None:
    """Also where tidying up never ends, after one signal or two: nobody else would tell of it."""
    for body, times in ((SOONER + SENT + STUBBORN, 1), (SENT + STUBBORN, 2)):
        process = start(home, body, *arguments)
        process.send_signal(number)
        if times > 1:
            assert process.stderr is not None
            assert process.stderr.readline() == "tidying\n"
            process.send_signal(number)
        out, err = process.communicate(timeout=30)
        assert process.returncode == code
        if "--json" in arguments:
            document = Document.model_validate(json.loads(out))
            assert (document.exit_code, document.counts.uploaded) == (code, 1)
            assert document.error is not None
        else:
            assert out.startswith("1 file sent; then it was broken off")
            assert "nothing is lost" in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_signal_while_the_answer_is_written(
    home: Path, number: signal.Signals, times: int, unbuffered: str
) -> None:
    """The work is done: the document comes whole, with the code that it names."""
    process = start(home, LONG_ANSWER, "--once", "--json", PYTHONUNBUFFERED=unbuffered)
    assert process.stdout is not None
    select.select([process.stdout], [], [], 20)  # more than a pipe holds: it waits for a reader now
    for _ in range(times):
        process.send_signal(number)
        time.sleep(0.1)
    out, _err = process.communicate(timeout=20)
    assert process.returncode == 0
    assert len(Document.model_validate(json.loads(out)).actions) == 20_000


def test_an_answer_that_nobody_reads(home: Path) -> None:
    """Is not waited for when the process is to end."""
    process = start(home, LONG_ANSWER, "--once", "--json")
    assert process.stdout is not None
    select.select([process.stdout], [], [], 20)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 143
    process.communicate()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_whatever_hangs_is_left_after_a_while(home: Path, number: signal.Signals, code: int) -> None:
    """One signal is enough, also where tidying up never ends; the document is still given."""
    process = start(home, SOONER + STUBBORN, "--once", "--json")
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == code
    assert json.loads(out)["exit_code"] == code
    assert "tidying" in err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_that_ends_no_wait_is_noticed(home: Path, number: signal.Signals, code: int) -> None:
    """The main thread is not woken by one that comes just before it waits; nor by one that another thread got."""
    waiting = f"""
    import queue, signal
    def get_it_for_the_main_thread():
        time.sleep(0.5)
        signal.pthread_kill(threading.get_ident(), {int(number)})
    threading.Thread(target=get_it_for_the_main_thread, daemon=True).start()
    try:
        print("begun", file=sys.stderr, flush=True)
        queue.SimpleQueue().get()
    finally:
        print("tidied up", file=sys.stderr, flush=True)
"""
    process = start(home, waiting, "--once", "--json")
    out, err = process.communicate(timeout=20)
    assert process.returncode == code
    assert "tidied up" in err
    assert Document.model_validate(json.loads(out)).exit_code == code


def test_a_thread_that_still_runs_keeps_nobody_waiting(home: Path) -> None:
    """When all is done and said the process ends, whatever a library's thread is still at."""
    body = """
    threading.Thread(target=time.sleep, args=(60,)).start()
    return Outcome()
"""
    process = subprocess.Popen(
        command(body, "--once"),
        env=environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("nothing to do")
    _, err = process.communicate(timeout=20)
    assert process.returncode == 0
    assert err == ""


def test_a_traceback_of_another_thread_reaches_nobody(home: Path) -> None:
    """What fails in a thread is written to a private file, not to a person."""
    body = """
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()
    return Outcome()
"""
    done = subprocess.run(
        command(body, "--once"), env=environment(home), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    (crash,) = (home / "state").glob("crash-*.txt")
    assert "ZeroDivisionError" in crash.read_text()


@pytest.mark.parametrize("arguments", [["--once"], ["--once", "--json"], ["--help"], ["completion", "zsh"]])
def test_a_reader_that_left_is_no_traceback(home: Path, arguments: list[str]) -> None:
    """`syncd … | true` ends quietly, with the run's own exit code."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run(
        command(QUICK, *arguments),
        env=environment(home),
        stdout=write_end,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(write_end)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_answer_that_cannot_be_written_is_no_success(home: Path) -> None:
    """A script whose file system is full must not take an empty document for a good run."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command(QUICK, "--once", "--json"),
            env=environment(home),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert "could not be written" in done.stderr
    assert "Traceback" not in done.stderr


def test_closed_streams_do_no_harm(home: Path) -> None:
    """Started without standard output and error, as some schedulers do."""
    shell = ["sh", "-c", 'exec "$@" >&- 2>&-', "sh", *command(QUICK, "--once")]
    assert subprocess.run(shell, env=environment(home), check=False).returncode == 0


AWKWARD = 'return Outcome(problems=[Problem("läuft nicht … so", "tu’s", "Müller \\U0001f600.jpg")])'


@pytest.mark.parametrize(
    "locale", [{}, {"LANG": "C"}, {"LC_ALL": "C"}, {"LC_ALL": "POSIX"}, {"LANG": "C", "LC_CTYPE": ""}]
)
def test_without_a_utf8_locale_a_cron_mail_is_ascii(home: Path, locale: dict[str, str]) -> None:
    """What cron mails is ASCII with other letters escaped, and without control codes."""
    done = subprocess.run(
        command(AWKWARD, "--once"), env=environment(home, **locale), capture_output=True, check=False
    )
    assert done.returncode == 1
    assert done.stdout.isascii()
    assert b"M\\xfcller \\U0001f600.jpg" in done.stdout
    assert b"l\\xe4uft nicht ... so" in done.stdout
    assert not re.search(b"[\x00-\x09\x0b-\x1f\x7f]", done.stdout)


def test_with_a_utf8_locale_names_stay_readable(home: Path) -> None:
    """Umlauts are umlauts where the locale says UTF-8, in a mail too."""
    done = subprocess.run(
        command(AWKWARD, "--once"), env=environment(home, LANG="C.UTF-8"), capture_output=True, check=False
    )
    assert "Müller 😀.jpg" in done.stdout.decode()
    assert b"\x1b" not in done.stdout


def test_colours_are_not_forced_on_a_file(home: Path) -> None:
    """Variables that force colours change nothing in a file or a mail."""
    forced = environment(home, FORCE_COLOR="1", CLICOLOR_FORCE="1", TERM="xterm-256color", LANG="C.UTF-8")
    done = subprocess.run(command(AWKWARD, "--once"), env=forced, capture_output=True, check=False)
    assert b"\x1b" not in done.stdout + done.stderr


WORKING = """
    progress.phase(Phase("Sending", files=40, size=40_000_000))
    for _ in range(40):
        progress.advance(files=1, size=1_000_000)
        time.sleep(0.02)
    progress.phase(Phase("Looking\\x1b[2J"))
    progress.advance(files=3)
    return Outcome(counts=Counts(uploaded=40), problems=[Problem("why", "what", "a\\x1b[2J.jpg")])
"""


def on_terminal(home: Path, body: str, *arguments: str, typed: str = "", **more: str) -> tuple[int, str]:
    """Run with all three streams on a terminal where this is typed; its exit code and all that it showed."""
    master, slave = pty.openpty()
    env = environment(home, **({"TERM": "xterm-256color", "LANG": "C.UTF-8", "COLUMNS": "120"} | more))
    process = subprocess.Popen(command(body, *arguments), env=env, stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    os.write(master, typed.encode())
    shown = b""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if select.select([master], [], [], 0.1)[0]:
            try:
                shown += os.read(master, 65536)
            except OSError:  # the terminal's other end is closed
                break
        elif process.poll() is not None:
            break
    os.close(master)
    return process.wait(timeout=20), shown.decode()


def test_a_terminal_shows_progress_then_a_summary_and_tables(home: Path) -> None:
    """On a terminal: phase, files, bytes, rate and time left while it works; then words and a table."""
    code, shown = on_terminal(home, WORKING, "--once")
    assert code == 1
    assert "Sending" in shown
    assert re.search(r"\d+/40 files", shown)
    assert "/40.0 MB" in shown
    assert "MB/s" in shown
    assert re.search(r"\d:\d\d", shown)
    assert "40 files sent" in shown
    assert "what to do" in shown
    assert "a\\x1b[2J.jpg" in shown
    assert "\x1b[2J" not in shown


@pytest.mark.parametrize(("arguments", "more"), [(("-q",), {}), ((), {"TERM": "dumb"}), ((), {"TERM": ""})])
def test_no_bar_where_none_is_wanted(home: Path, arguments: tuple[str, ...], more: dict[str, str]) -> None:
    """`-q`, or a terminal that cannot move its cursor: no bar."""
    _, shown = on_terminal(home, WORKING, "--once", *arguments, **more)
    assert "Sending" not in shown


def test_a_terminal_without_utf8_gets_ascii(home: Path) -> None:
    """Bar, table and names are ASCII where the terminal's locale is C."""
    code, shown = on_terminal(home, WORKING.replace("a\\\\x1b", "ä\\\\x1b"), "--once", LANG="", LC_ALL="C")
    assert code == 1
    assert shown.isascii()


ADOPTING = """return Outcome()

from syncd import doorstep
from syncd.ports import MediaLocation, ServerInfo
from syncd.model import CatalogSnapshot

class Web:
    def connect(self):
        return ServerInfo("https://new", "tree2", "Jones\\x1b[2J", "3.24", "6.0", "anna", frozenset())
    def list(self):
        return CatalogSnapshot({{}}), None
    def close(self):
        pass

doorstep.open_catalog = lambda settings, patience=60: Web()
"""


@pytest.mark.parametrize(
    ("typed", "adopted"), [("y\n", True), ("n\n", False), ("\n", False), ("\x04", False)]
)
def test_adopt_asks_on_a_terminal(home: Path, typed: str, adopted: bool) -> None:
    """It shows what is bound and what would be, and only a yes changes anything."""
    code, shown = on_terminal(home, ADOPTING.format(), "adopt", typed=typed)
    assert code == 0
    assert "Jones\\x1b[2J" in shown
    assert "Bind anew? [y/N]" in shown
    assert ("Nothing was changed." in shown) is not adopted
    assert (home / "media/.syncd/folder.json").exists() is adopted
    assert (home / "media/.syncd").exists() is adopted


def test_ctrl_c_at_adopt_s_question_is_a_no(home: Path) -> None:
    """It says that nothing was changed, not that a run goes on, and exits as Ctrl-C does everywhere."""
    body = ADOPTING.replace("import doorstep", "import doorstep\nimport os, signal, threading", 1)
    body += """
real = sys.stdin.readline
class Terminal:
    def isatty(self): return True
    def readline(self):
        os.kill(os.getpid(), signal.SIGINT)
        return real()
sys.stdin = Terminal()
"""
    code, shown = on_terminal(home, body.format(), "adopt")
    assert code == 130
    assert "Nothing was changed." in shown
    assert "next run" not in shown.partition("[y/N]")[2]
    assert not (home / "media/.syncd").exists()


def test_version_imports_nothing_slow(home: Path) -> None:
    """`syncd --version` waits for no library that takes long to import."""
    program = (
        "import sys; sys.argv = ['syncd', '--version']\n"
        "from syncd.cli.main import run\n"
        "run(['--version'])\n"
        "slow = {'rich', 'boto3', 'httpx2', 'obstore', 'pydantic', 'structlog', 'sqlite3', 'asyncio'}\n"
        "print(sorted(slow & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(home), capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
