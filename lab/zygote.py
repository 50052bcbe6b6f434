"""Runs of syncd without the time that Python takes to start: a process that has loaded everything makes a copy of itself for each.

Such a run is `syncd.cli.main` from its first line to its last in a process of its own. What concerns starting, command lines or
signals is tested on the installed command.
"""

from __future__ import annotations

import base64
import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from pydantic import SecretStr

from lab.process import ROOT, LabError, plain_environment
from lab.world import Desktop, Run

_BEFOREHAND = (
    "boto3",
    "botocore.session",
    "httpx2",
    "ijson",
    "obstore.store",
    "rich.console",
    "stamina",
    "structlog",
)


class Zygote:
    """The process that has loaded everything; one run at a time.

    Args:
        folder: for what runs write to standard output and standard error.
        env: variables of the process, which begin to count before syncd is loaded.
    """

    def __init__(self, folder: Path, env: Mapping[str, str] | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._env = dict(env or {})
        self._turn = threading.Lock()

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", sys.executable, "-m", "lab.zygote"],
            env={**plain_environment(), **self._env},
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def syncd(
        self,
        desktop: Desktop,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        timeout: float = 120,
        defect: str | None = None,
    ) -> Run:
        """Run `syncd arguments` on a desktop to its end; LabError after `timeout` seconds, with nothing left running.

        With `defect` the command ends in an exception, after all that it did, that says this and every secret which the process
        then holds.
        """
        begin = time.monotonic()
        out, err = self._folder / "out", self._folder / "err"
        job = {
            "arguments": arguments,
            "env": {**desktop.environment(), **self._env, **(env or {})},
            "cwd": str(desktop.base),
            "out": str(out),
            "err": str(err),
            "timeout": timeout,
            "defect": defect,
        }
        with self._turn:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(json.dumps(job) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
            texts = out.read_text(errors="replace"), err.read_text(errors="replace")
        if not answer or json.loads(answer) is None:
            raise LabError(f"syncd {' '.join(arguments)} took more than {timeout:.0f} s\n" + "\n".join(texts))
        return Run(arguments, json.loads(answer), *texts, time.monotonic() - begin)


def main() -> None:
    """Answer each line of standard input, a job, with its exit code; null when it took too long."""
    commands = import_module("syncd.cli.main")
    for name in (*commands.COMMANDS, "once", "report", "daemon"):
        import_module(f"syncd.cli.{name.replace('-', '_')}")
    for name in _BEFOREHAND:
        import_module(name)
    for line in sys.stdin:
        job = json.loads(line)
        child = os.fork()
        if not child:
            _become(job)
            if job["defect"]:
                _break(commands.cli, job["defect"])
            os._exit(commands.run(job["arguments"], owns_process=True))
        print(json.dumps(_code_of(child, job["timeout"])), flush=True)


def _become(job: Mapping[str, Any]) -> None:
    """Be a process as the command starts one."""
    os.setsid()
    os.environ.clear()
    os.environ.update(job["env"])
    os.chdir(job["cwd"])
    for number, path, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, job["out"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
        (2, job["err"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
    ):
        os.dup2(os.open(path, flags), number)
    sys.argv = ["syncd", *job["arguments"]]


def _break(group: Any, words: str) -> None:
    """Have the command end in a defect."""
    invoke = group.invoke

    def invoke_and_break(context: Any) -> None:
        try:
            invoke(context)
        finally:
            raise RuntimeError("\n".join([words, *map(_quoted, _secrets_held())]))

    group.invoke = invoke_and_break


def _secrets_held() -> set[str]:
    held = [thing for thing in gc.get_objects() if isinstance(thing, SecretStr)]
    return {secret.get_secret_value() for secret in held}


def _quoted(secret: str) -> str:
    """As exceptions, requests and addresses quote it."""
    basic = base64.b64encode(f"editor:{secret}".encode()).decode()
    return f"{secret} {secret!r} {json.dumps(secret)} {quote(secret)} https://me:{quote(secret, safe='')}@host Authorization: Basic {basic}"


def _code_of(child: int, seconds: float) -> int | None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


if __name__ == "__main__":
    main()
