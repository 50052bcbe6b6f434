"""The `syncd` command: reads the arguments, runs one command, and owns every way to end.

Invariants, whatever happens in between:
- no traceback reaches a person;
- with `--json`, standard output gets exactly one document and nothing else;
- the exit code is one of `errors.ExitCode`.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, NoReturn

import click

from syncd import __version__
from syncd.cli import document
from syncd.cli.exits import Ending, Interrupted, is_stop, signals, write_crash
from syncd.cli.options import common_options, pass_session
from syncd.cli.paper import standard_error, standard_output
from syncd.cli.session import Session
from syncd.errors import ExitCode, StopError, SyncdError

if TYPE_CHECKING:
    from syncd.model.plan import Outcome

COMMANDS: Mapping[str, str] = {
    "status": "Show what the daemon is doing, what was done last and what waits for you.",
    "sync": "Have the running daemon sync now, and look on.",
    "pause": "Have the running daemon do nothing by itself, for a while or until resume.",
    "resume": "Have the running daemon go on after a pause.",
    "check": "Look whether everything is fit for a sync; change nothing.",
    "approve": "Let waiting items go ahead; without an ID, list what waits.",
    "restore": "Bring back files whose deletion waits; without an ID, list them.",
    "conflicts": "List the files that were changed on both sides.",
    "paths": "List paths that cannot be used, and what mends them; change nothing.",
    "trash": "See what was deleted on either side, and bring it back.",
    "history": "Tell what happened to a file, when and why.",
    "undo": "Put back what a sync did: by its number in the history.",
    "verify": "Look whether the media folder, Gramps Web and the bucket have what they should.",
    "upload": "Send every media file of a family tree to the bucket.",
    "orphans": "List files in the bucket that no media object names, and collect them.",
    "adopt": "Bind this desktop anew to a folder, a tree or a bucket.",
    "migrate-prefix": "Bring a tree's files to another place in the bucket.",
    "install-service": "Let systemd run syncd for you, from now on and whenever you log in.",
    "uninstall-service": "Stop what install-service started, and remove the units that it wrote.",
    "completion": "Print the completion script for a shell.",
}
"""Each command, in the order of the help, with the first line of its help; its module has the same name, with `_`."""

GARBAGE_AFTER = 10_000
"""Objects more than before that are made until the youngest are looked through for what only refers to itself."""


class Commands(click.Group):
    """The commands, imported when one of them is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  (click's signature)
        """The names, in the order of use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        found: click.Command = import_module(f"syncd.cli.{cmd_name.replace('-', '_')}").command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The list in the help, without importing any command."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=Commands, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.option("--once", is_flag=True, help="Sync once, then end: for cron, a timer or by hand.")
@click.option("--full", is_flag=True, help="With --once: look at everything, trust no shortcut.")
@click.option("--dry-run", is_flag=True, help="With --once: show what would be done, do nothing.")
@common_options
@click.version_option(__version__, prog_name="syncd", message="%(prog)s %(version)s")
@pass_session
@click.pass_context
def cli(context: click.Context, session: Session, *, once: bool, full: bool, dry_run: bool) -> Ending | None:
    """Keep a media folder and Gramps Web in step, both ways.

    Without --once and without a command it stays, watches both sides and syncs within seconds, until Ctrl-C.

    What anyone adds, changes, moves or deletes in the folder or on the web is soon the same on both, and nothing
    that a person made is lost.
    """
    session.dry_run = dry_run
    if context.invoked_subcommand is not None:
        if once or full or dry_run:
            given = "--once" if once else "--full" if full else "--dry-run"
            raise click.UsageError(f"{given} goes without a command")
        return None
    if not once:
        if full or dry_run:
            raise click.UsageError(f"{'--full' if full else '--dry-run'} goes with --once")
        lasting: Ending = import_module("syncd.cli.daemon").run(session)
        return lasting
    ending: Ending = import_module("syncd.cli.once").run(session, full=full, dry_run=dry_run)
    return ending


def main() -> NoReturn:
    """The console script."""
    # Nearly all that is made in the beginning are modules, which stay: looking through them for garbage all the while takes a
    # twentieth of a run without news.
    gc.set_threshold(GARBAGE_AFTER)
    # No other package of this environment has a say in how settings are read, so none is looked for.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    code = run(sys.argv[1:], owns_process=True)
    # All is closed and written. The threads of the library that carries bytes to the bucket may not have ended; while the
    # interpreter is taken down, one of them can abort the process (seen in 1 of 60 runs on a busy machine).
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code)


def run(arguments: Sequence[str], *, owns_process: bool = False) -> int:
    """Run one invocation to its end and return its exit code.

    With `owns_process` signals are ours until the process is gone.
    """
    wants_json = "--json" in _options(arguments)
    session = Session(out=standard_output(), err=standard_error(), json=wants_json)
    answer = document.blank(dry_run="--dry-run" in _options(arguments))
    answered = False

    def finish(code: int) -> None:
        nonlocal answered
        if wants_json and not answered:
            answered = True
            answer["exit_code"] = int(code)
            session.out.raw(document.render(answer, session.config))
        session.out.flush()
        session.err.flush()

    def last_words(code: ExitCode) -> None:
        """The process ends before its command does: the document first, then the words."""
        if not answered:
            ending = _broken_off(code, session.part(), *_interruption(code))
            answer.update({"seconds": session.seconds(), **ending.document})
        finish(code)
        if not session.told:
            _failed(session, code, *_interruption(code))
            finish(code)

    with (
        signals(last_words, seconds=lambda: session.ends_within, restore=not owns_process) as watch,
        _no_strange_output(session),
    ):
        try:
            ending = _attempt(arguments, session)
            watch.answering = True
        except Interrupted as interrupted:
            ending = _interrupted(session, interrupted)
        except Exception as error:
            ending = _defect(session, error)
        watch.answering = True
        answer.update({"seconds": session.seconds(), **ending.document})
        finish(ending.code)
    return _delivered(session, ending.code)


def _options(arguments: Sequence[str]) -> Sequence[str]:
    """What may be options: everything before `--`."""
    return arguments[: arguments.index("--")] if "--" in arguments else arguments


def _attempt(arguments: Sequence[str], session: Session) -> Ending:
    """Run the command. Not through click's own `main`: that one takes a broken pipe, wherever, for a quiet end."""
    try:
        completing = os.environ.get("_SYNCD_COMPLETE")
        if completing:
            return _complete(session, completing)
        with cli.make_context("syncd", list(arguments), obj=session) as context:
            result = cli.invoke(context)
    except click.exceptions.Exit as done:  # --help and --version
        return Ending(ExitCode(done.exit_code))
    except click.ClickException as error:
        return _wrong_usage(session, error)
    except SyncdError as error:
        if isinstance(error, StopError) and error.begun:
            session.minds_bucket = False  # that nothing was done there is not true
        return _failed(session, error.exit_code, error.reason, error.remedy, stop=is_stop(error))
    if not isinstance(result, Ending):
        raise TypeError(f"a command returned {type(result).__name__} instead of an Ending")
    return result


def _complete(session: Session, instruction: str) -> Ending:
    """Answer the shell, which runs `syncd` with `_SYNCD_COMPLETE` set to `bash_complete` or the like."""
    from click.shell_completion import get_completion_class  # noqa: PLC0415  (only the shell asks for it)

    shell, _, action = instruction.partition("_")
    completion = get_completion_class(shell)
    if completion is None or action != "complete":
        raise click.UsageError(f"_SYNCD_COMPLETE={instruction} asks for what syncd does not know")
    session.out.raw(completion(cli, {}, "syncd", "_SYNCD_COMPLETE").complete() + "\n")
    return Ending()


def _wrong_usage(session: Session, error: click.ClickException) -> Ending:
    message = " ".join(error.format_message().split())
    context = error.ctx if isinstance(error, click.UsageError) else None
    remedy = f"see: {context.command_path if context else 'syncd'} --help"
    return _failed(session, ExitCode.USAGE, message[:1].lower() + message[1:].rstrip("."), remedy)


def _failed(session: Session, code: ExitCode, reason: str, remedy: str, *, stop: bool = False) -> Ending:
    part = session.part()
    if part is not None and session.wants_report:
        _report().tell_part(session.report, part, verbose=session.verbosity > 0, quiet=session.quiet)
    if not session.told and stop:
        begun = part is not None
        _report().tell_stop(session.err, reason, remedy, bucket=session.minds_bucket, begun=begun)
    elif not session.told:
        _tell_failure(session, code, reason, remedy)
    return _broken_off(code, part, reason, remedy, stop=stop)


def _broken_off(
    code: ExitCode, part: Outcome | None, reason: str, remedy: str, *, stop: bool = False
) -> Ending:
    """How a command ends that came to no end of its own."""
    done = {} if part is None else document.of_outcome(part)
    return Ending(code, {**done, **document.of_error(reason, remedy, stop=stop)})


def _report() -> ModuleType:
    """The report's words, loaded where there is anything to report."""
    return import_module("syncd.cli.report")


def _tell_failure(session: Session, code: ExitCode, reason: str, remedy: str) -> None:
    """Mistakes and defects are one line (a line each); what is wrong with the world has its remedy below."""
    first, *others = reason.splitlines() or [""]
    one_line = not others and "\n" not in remedy
    if remedy and one_line and code in (ExitCode.USAGE, ExitCode.DEFECT):
        first, remedy = f"{first}; {remedy}", ""
    session.err.line(f"syncd: {first}", style="bold red")
    for line in (*others, *remedy.splitlines()):
        session.err.line(f"  {line}".rstrip())


def _interrupted(session: Session, interrupted: Interrupted) -> Ending:
    ending = _failed(session, interrupted.exit_code, *_interruption(interrupted.exit_code))
    session.told = True
    return ending


def _interruption(code: ExitCode) -> tuple[str, str]:
    """What a person is told of one, and what to do."""
    reason = "interrupted" if code is ExitCode.INTERRUPTED else "ended from outside (SIGTERM)"
    return reason, "nothing is lost; the next run goes on from here"


def _defect(session: Session, error: BaseException) -> Ending:
    """One line: what, where the details are, and how to report it."""
    path = write_crash(error, session.crash_folder(), session.redact())
    where = f"the details are in {path}" if path else "its details could not be written anywhere"
    return _failed(
        session,
        ExitCode.DEFECT,
        f"a defect in syncd ended this run ({type(error).__name__}); {where}",
        "please open an issue with the project and attach that file; it may name files of yours, but no password",
    )


@contextlib.contextmanager
def _no_strange_output(session: Session) -> Iterator[None]:
    """Keep stray output away: prints from the document, and tracebacks of other threads from people."""
    threads, unraisable = threading.excepthook, sys.unraisablehook

    def thread_failed(failure: threading.ExceptHookArgs) -> None:
        if failure.exc_value is not None and not isinstance(failure.exc_value, SystemExit):
            write_crash(failure.exc_value, session.crash_folder(), session.redact())

    threading.excepthook = thread_failed
    sys.unraisablehook = lambda _failure: None
    try:
        with contextlib.redirect_stdout(session.report.stream):
            yield
    finally:
        threading.excepthook, sys.unraisablehook = threads, unraisable


def _delivered(session: Session, code: ExitCode) -> int:
    """The exit code, unless all was well but the answer could not be written (a full disk, not a closed pipe)."""
    failure = session.out.stream.failure
    if failure is None or isinstance(failure, BrokenPipeError) or code is not ExitCode.OK:
        return int(code)
    session.err.line(f"syncd: the answer could not be written: {os.strerror(failure.errno or 0)}")
    session.err.flush()
    return int(ExitCode.PROBLEMS)
