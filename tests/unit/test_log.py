"""The log: levels, forms, and that neither secrets nor hostile names get through."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from syncd import log, logger
from syncd.log import LogFormat
from syncd.logger import Logger


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """It is."""
        return True


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leave the process's logging as it was."""
    monkeypatch.setattr(log, "_guarded", frozenset())
    monkeypatch.setattr(log, "_guarded_pattern", None)
    monkeypatch.setattr(logger, "_set_up", None)
    monkeypatch.setattr(logger, "_least", 0)
    root, httpx2 = logging.getLogger(), logging.getLogger("httpx2")
    before = list(root.handlers), root.level, httpx2.level
    yield
    root.handlers, root.level, httpx2.level = before
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def logged(
    text: str,
    *,
    stream: TextIO | None = None,
    log_format: LogFormat = "console",
    verbosity: int = 1,
    level: str = "warning",
    environ: dict[str, str] | None = None,
    **fields: object,
) -> str:
    """What one message becomes."""
    target = io.StringIO() if stream is None else stream
    log.configure(log_format=log_format, verbosity=verbosity, stream=target, environ=environ or {})
    getattr(Logger("room"), level)(text, **fields)
    assert isinstance(target, io.StringIO)
    return target.getvalue()


def message(line: str) -> str:
    """A console line without its time."""
    return line.partition(" ")[2].rstrip("\n")


# --- Levels ---


@pytest.mark.parametrize(
    ("verbosity", "quiet", "shown"),
    [
        (0, False, ["warning", "error"]),
        (1, False, ["info", "warning", "error"]),
        (2, False, ["debug", "info", "warning", "error"]),
        (3, False, ["debug", "info", "warning", "error"]),
        (0, True, ["error"]),
        (2, True, ["error"]),
    ],
)
def test_levels(verbosity: int, quiet: bool, shown: list[str]) -> None:
    """Warnings by default, more with -v and -vv; -q leaves errors only."""
    stream = io.StringIO()
    log.configure(verbosity=verbosity, quiet=quiet, stream=stream, environ={})
    for level in ("debug", "info", "warning", "error"):
        getattr(Logger("room"), level)(level)
    assert [message(line).split()[0] for line in stream.getvalue().splitlines()] == shown


def test_structlog_comes_with_the_first_line(tmp_path: Path) -> None:
    """A run that has nothing to say does not wait for its import; the first line that is written looks as it should."""
    program = (
        "import sys\n"
        "from syncd import log\n"
        "from syncd.logger import Logger\n"
        "log.configure(environ={})\n"
        "log.guard_secret('hunter2')\n"
        "Logger('room').info('nobody asked for it')\n"
        "print('structlog' in sys.modules)\n"
        "Logger('room').warning('it says hunter2', number=1)\n"
        "print('structlog' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["False", "True"]
    assert message(done.stderr) == "warning  it says *** number=1"


def test_a_line_of_a_library_s_own_looks_the_same() -> None:
    """Stamina writes to structlog by itself; who imports it has structlog set up before."""
    stream = io.StringIO()
    log.configure(stream=stream, environ={})
    logger.ready().get_logger("stamina").warning("a")
    log.configure(stream=stream, environ={}, log_format="json")
    logger.ready().get_logger("stamina").warning("b")
    first, second = stream.getvalue().splitlines()
    assert message(first) == "warning  a"
    assert json.loads(second)["event"] == "b"


def test_quiet_where_no_report_follows() -> None:
    """Warnings are what needs somebody then; also under systemd, and whatever -v says."""
    stream = io.StringIO()
    log.configure(verbosity=2, quiet=True, reported=False, stream=stream, environ={})
    for level in ("info", "warning", "error"):
        getattr(Logger("room"), level)(level)
    assert [message(line).split()[0] for line in stream.getvalue().splitlines()] == ["warning", "error"]


def test_sentences_go_through_words(tmp_path: Path) -> None:
    """What a person is told to type can be made right; names of files are left as they are."""
    stream = io.StringIO()
    log.configure(verbosity=1, stream=stream, environ={}, in_words=lambda text: text.replace("syncd", "S"))
    Logger("room").warning("syncd", reason="syncd", remedy="syncd", path="syncd", number=1)
    assert message(stream.getvalue()).split() == [
        "warning",
        "S",
        "path=syncd",
        "reason=S",
        "remedy=S",
        "number=1",
    ]


def test_what_is_not_known_is_not_written() -> None:
    """A field without a value says nothing to a person; a machine gets it."""
    assert message(logged("a", handle=None, path="x")) == "warning  a path=x"
    assert json.loads(logged("a", handle=None, log_format="json"))["handle"] is None


def test_under_systemd_information_and_priorities(tmp_path: Path) -> None:
    """JOURNAL_STREAM that names our stream: the journal's prefixes, and information too."""
    with (tmp_path / "journal").open("w+") as stream:
        status = os.fstat(stream.fileno())
        journal = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        log.configure(stream=stream, environ=journal)
        logger = Logger("room")
        logger.debug("a")
        logger.info("b", path="x")
        logger.warning("c")
        logger.error("d")
        logger.critical("e")
        stream.seek(0)
        assert stream.read().splitlines() == ["<6>b path=x", "<4>c", "<3>d", "<2>e"]


def test_a_journal_stream_of_somebody_else_does_not_count(tmp_path: Path) -> None:
    """The variable is inherited by everything that a service starts."""
    with (tmp_path / "file").open("w+") as stream:
        log.configure(stream=stream, environ={"JOURNAL_STREAM": "1:2"})
        Logger("room").warning("a")
        stream.seek(0)
        assert not stream.read().startswith("<")


# --- Forms ---


def test_a_console_line() -> None:
    """Time, level, message, then fields; what the moment is about comes first."""
    line = logged("it happened", size=3, path="a b", handle="h", empty="", said='"')
    assert message(line) == r'warning  it happened path="a b" handle=h size=3 empty="" said="\""'


@pytest.mark.parametrize(
    ("stream", "environ", "coloured"),
    [
        (io.StringIO, {}, False),
        (Terminal, {}, True),
        (Terminal, {"NO_COLOR": "1"}, False),
        (Terminal, {"NO_COLOR": ""}, True),
        (Terminal, {"TERM": "dumb"}, False),
    ],
)
def test_colours_on_a_terminal_only(
    stream: type[io.StringIO], environ: dict[str, str], coloured: bool
) -> None:
    """And there only where nobody objects; a cron mail has no control codes."""
    assert ("\x1b" in logged("x", stream=stream(), environ=environ)) is coloured


def test_a_json_line() -> None:
    """One object a line, with time, level, event and fields as they are."""
    [line] = logged("it happened", log_format="json", size=3, path="ü\n", parts=["a", None]).splitlines()
    document = json.loads(line)
    assert document.pop("time").endswith("Z")
    assert document == {
        "level": "warning", "event": "it happened", "size": 3, "path": "ü\n", "parts": ["a", None],
    }  # fmt: skip


def test_context_is_in_every_message() -> None:
    """Until its block ends."""
    with log.context(cycle=7, path="p"):
        assert message(logged("a", checksum="c")) == "warning  a cycle=7 path=p checksum=c"
    assert message(logged("a")) == "warning  a"


def test_standard_error_is_looked_up_at_each_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """A progress display may take its place for a while."""
    log.configure(environ={})
    display = io.StringIO()
    monkeypatch.setattr(sys, "stderr", display)
    Logger("room").warning("above the bar")
    assert "above the bar" in display.getvalue()


@pytest.mark.parametrize("closed", [True, False])
def test_a_log_that_cannot_be_written_stops_nothing(closed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A closed terminal, a full disk, no standard error at all."""
    if closed:
        stream = io.StringIO()
        log.configure(stream=stream, environ={})
        stream.close()
    else:
        log.configure(environ={})
        monkeypatch.setattr(sys, "stderr", None)
    Logger("room").error("lost")


def test_a_stream_that_knows_ascii_only() -> None:
    """Other characters are escaped."""
    raw = io.BytesIO()
    log.configure(stream=io.TextIOWrapper(raw, encoding="ascii"), environ={})
    Logger("room").warning("schön")
    assert rb"sch\xf6n" in raw.getvalue()


# --- Exceptions and other libraries ---


def failing() -> None:
    """Fail with a secret at hand."""
    password = "hunter2-password"
    raise ValueError(f"cannot log in with {password}\x1b[31m")


@pytest.mark.parametrize("log_format", ["console", "json", "journal"])
@pytest.mark.parametrize("verbosity", [0, 2])
def test_exceptions(log_format: LogFormat, verbosity: int) -> None:
    """A traceback only on request or for machines; never with a guarded secret or a control code."""
    log.guard_secret("hunter2-password")
    stream = io.StringIO()
    log.configure(log_format=log_format, verbosity=verbosity, stream=stream, environ={})
    try:
        failing()
    except ValueError:
        Logger("room").exception("it failed")
    text = stream.getvalue()
    assert "ValueError: cannot log in with ***" in text
    assert ("Traceback" in text) is (log_format != "console" or verbosity == 2)
    assert "hunter2" not in text
    assert "\x1b" not in text
    if log_format == "journal":
        assert all(line.startswith("<3>") for line in text.splitlines())


def test_other_libraries_go_the_same_way() -> None:
    """Their warnings are shown with their name, redacted; what is less is not, whatever they say."""
    # pytest's own handlers raise for a message with wrong arguments.
    logging.getLogger().handlers = []
    stream = io.StringIO()
    log.configure(stream=stream, environ={})
    logging.getLogger("botocore.auth").debug("Authorization: hunter2")
    logging.getLogger("httpx2").info("HTTP Request: GET https://h.example/x")
    logging.getLogger("urllib3").warning(
        "retry 100%% of https://h.example/x?X-Amz-Signature=hunter2 %s", "now"
    )
    logging.getLogger("odd").warning("wrong %d", "argument")
    lines = [message(line) for line in stream.getvalue().splitlines()]
    assert lines == [
        "warning  retry 100% of https://h.example/x?*** now logger=urllib3",
        "warning  wrong %d logger=odd",
    ]


def test_requests_are_shown_on_request() -> None:
    """With -vv what httpx2 asks for, without query strings; of botocore never more than warnings."""
    stream = io.StringIO()
    log.configure(verbosity=2, stream=stream, environ={})
    logging.getLogger("httpx2").info('HTTP Request: GET https://s3.example/b/k?X-Amz-Signature=hunter2 "200"')
    logging.getLogger("botocore").info("hunter2")
    assert message(stream.getvalue()) == (
        'info     HTTP Request: GET https://s3.example/b/k?*** "200" logger=httpx2'
    )


def test_configuring_twice_tells_everything_once() -> None:
    """The second time replaces the first."""
    first, second = io.StringIO(), io.StringIO()
    log.configure(stream=first, environ={})
    log.configure(stream=second, environ={})
    logging.getLogger("x").warning("once")
    assert (first.getvalue(), second.getvalue().count("once")) == ("", 1)


# --- Secrets ---


@pytest.mark.parametrize("log_format", ["console", "json", "journal"])
def test_a_guarded_secret_is_blanked_everywhere(log_format: LogFormat) -> None:
    """In the message, in fields and their names, in nested values and exceptions, however it is quoted."""
    secret = "hünter2 \"&'\\x"
    log.guard_secret(SecretStr(secret))
    odd_name: dict[str, Any] = {secret: 1}
    text = logged(
        f"said {secret}",
        log_format=log_format,
        a=secret,
        b=[{"k": (secret,)}],
        c=ValueError(f"no {secret!r}"),
        d="https://h.example/h%C3%BCnter2%20%22%26%27%5Cx",
        e=json.dumps(secret),
        f=secret.encode(),
        **odd_name,
    )
    assert "nter2" not in text


@pytest.mark.parametrize(
    "spelt",
    [
        "https://h.example/Vogel/p%2Bw%20%22%C3%BC%22", # a path keeps its slashes
        "https://h.example/Vogel%2fp%2bw+%22%c3%bc%22",
        'Vogel/p%2Bw "ü"',
        'Vogel\\/p+w \\"\\u00fc\\"',
        "566f67656c2f702b772022c3bc22",
        "Vm9nZWwvcCt3ICLDvCI=",
    ],
)  # fmt: skip
def test_a_guarded_secret_is_blanked_however_much_of_it_is_quoted(spelt: str) -> None:
    """Addresses, JSON and libraries quote some characters and leave others; some write all in hex or base64."""
    log.guard_secret('Vogel/p+w "ü"')
    assert log.redact(f"said {spelt}, and more") in (
        "said ***, and more",
        "said https://h.example/***, and more",
    )


def test_telling_names_are_blanked() -> None:
    """Whatever is called password, token and so on, at any depth; a file that holds one may be named."""
    text = logged(
        "x",
        password="hunter2",
        access_token="hunter2",
        headers={"Authorization": "hunter2", "Set-Cookie": "hunter2"},
        typed=SecretStr("hunter2"),
        deep=[[[{"secret_access_key": "hunter2"}]]],
        password_file="/run/password",
    )
    assert "hunter2" not in text
    assert "password_file=/run/password" in text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET https://h.example/p?sig=abc&x=1 done", "GET https://h.example/p?*** done"),
        ("https://me:hunter2@h.example/x", "https://***@h.example/x"),
        ("Authorization: Bearer hunter2hunter2", "Authorization: ***"),
        ("{'Authorization': 'AWS4-HMAC-SHA256 Credential=a, Signature=b'}", "{'Authorization': '***'}"),
        ("sent bearer hunter2hunter2", "sent bearer ***"),
        ("eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl", "***"),
        ("/k?X-Amz-Credential=AK%2F1&X-Amz-Signature=abc", "/k?X-Amz-Credential=***&X-Amz-Signature=***"),
        ('{"token": "hunter2", "x": 1}', '{"token": "***", "x": 1}'),
        ("password='hunter2'", "password='***'"),
        ("gramps.password: missing; give a token", "gramps.password: missing; give a token"),
        ("photo?.jpg and a token of love", "photo?.jpg and a token of love"),
        ("a@b.example wrote s3://bucket/key", "a@b.example wrote s3://bucket/key"),
    ],
)
def test_what_looks_like_a_secret(text: str, shown: str) -> None:
    """Signatures, tokens and passwords in messages that others wrote; ordinary words stay."""
    assert log.redact(text) == shown


def test_short_secrets_blank_only_words() -> None:
    """A password of two letters does not make the log unreadable; an empty one guards nothing."""
    log.guard_secret("ab")
    log.guard_secret("")
    assert log.redact("about ab, cab") == "about ***, cab"


@pytest.mark.parametrize("left", range(0, 30, 3))
@pytest.mark.parametrize(
    "secret", ["hunter2-password-of-mine", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"]
)
def test_nothing_of_a_secret_is_left_where_a_long_text_is_cut(secret: str, left: int) -> None:
    """A secret across the end of what is shown is blanked as a whole, and half of a token is left out."""
    log.guard_secret("hunter2-password-of-mine")
    shown = log.redact("x" * (log._LONGEST - left - 1) + f" {secret} and more")
    assert len(shown) <= log._LONGEST + 1
    assert secret[:4] not in shown


def test_the_longer_secret_goes_first() -> None:
    """No half of a secret is left where another begins like it."""
    log.guard_secret("hunter")
    log.guard_secret("hunter2-password")
    assert log.redact("hunter2-password hunter") == "*** ***"


@given(st.text(), st.text(min_size=4))
def test_no_guarded_secret_survives(text: str, secret: str) -> None:
    """Whatever stands around it."""
    log.guard_secret(secret)
    assert secret not in log.redact(text + secret + text) or secret in "***?@"


def test_a_pause_before_another_try_is_no_warning() -> None:
    """What stamina says of every pause is information in few words; by default nobody is bothered with it."""
    fields: dict[str, Any] = {
        "callable": "<context block>",
        "args": [],
        "kwargs": {},
        "retry_num": 2,
        "wait_for": 0.88,
    }
    event = "stamina.retry_scheduled"
    assert logged(event, verbosity=0, caused_by="no answer", **fields) == ""
    line = message(logged(event, verbosity=1, caused_by="no answer", **fields))
    assert line == 'info     trying again soon why="no answer" tries=2 pause=0.88'


# --- Hostile names ---


HOSTILE = "a\nb\r\x1b[2J\x9b31m\x7f\u202egpj.exe\u2028\udcff\x00"


@pytest.mark.parametrize("log_format", ["console", "json", "journal"])
def test_names_cannot_forge_lines_or_move_the_cursor(log_format: LogFormat) -> None:
    """A file name is escaped in message, field, field name and nested value."""
    odd_name: dict[str, Any] = {HOSTILE: 1}
    text = logged(HOSTILE, log_format=log_format, path=HOSTILE, nested=[HOSTILE], **odd_name)
    assert text.count("\n") == 1
    assert text[:-1].isprintable()
    text.encode()


def test_printable_keeps_what_people_write() -> None:
    """Umlauts, emoji with joiners and other scripts stay as they are."""
    for name in ("Großmutter 1901.jpg", "👩‍👩‍👧.jpg", "می‌خواهم.png", "日本 家族"):
        assert log.printable(name) == name


@given(st.text())
def test_printable_is_one_line(text: str) -> None:
    """Whatever the text."""
    shown = log.printable(text)
    assert len(shown.splitlines()) <= 1
    assert "\x1b" not in shown
    shown.encode()
