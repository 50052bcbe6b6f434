"""A booted system of its own, with a real systemd: units, watchdogs, credentials and user managers run as on any machine.

Its files are an overlay of this machine's, so nothing is installed and nothing here is changed; it has no network but
its own loopback, and what `reach` lets through. It takes root, and about two seconds to boot.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from lab.process import ROOT, LabError, wait_until

PROGRAM = "/opt/syncd/.venv/bin/syncd"
"""Where `syncd` is in there, as on a server: in an environment of its own that belongs to root."""

_TARGET = """\
[Unit]
Description=All that the lab needs
Requires=basic.target
After=basic.target
Wants=dbus.socket systemd-logind.service systemd-user-sessions.service
AllowIsolate=yes
"""

_START = """\
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root" || exit
shift
exec systemd-nspawn --quiet --register=no --keep-unit --private-network --link-journal=no --console=pipe "$@"
"""

_CLONE_NEWNET = 0x40000000
_MOUNT = ("unshare", "--mount", "mount", "-t", "overlay", "overlay", "-o")

_ENTRY = """\
#!/opt/syncd/.venv/bin/python
from syncd.cli.main import main

main()
"""


def lacking() -> str | None:
    """Why no machine can be booted here, in plain words; None: one can."""
    if os.geteuid() != 0:
        return "booting a machine takes root"
    missing = [name for name in ("systemd-nspawn", "nsenter", "unshare") if shutil.which(name) is None]
    if missing or not Path("/lib/systemd/systemd").exists():
        return f"not installed: {', '.join(missing) or 'systemd'} (script/setup --lab installs systemd-container)"
    with tempfile.TemporaryDirectory(prefix="syncd-lab-") as scratch:
        for name in ("upper", "work", "root"):
            (Path(scratch) / name).mkdir()
        tried = subprocess.run(
            [*_MOUNT, f"lowerdir=/,upperdir={scratch}/upper,workdir={scratch}/work", f"{scratch}/root"],
            capture_output=True,
            text=True,
            check=False,
        )
        # The kernel leaves a folder without any rights in there.
        subprocess.run(["rm", "-rf", f"{scratch}/work"], check=False)
    return f"no overlay can be mounted here: {tried.stderr.strip()}" if tried.returncode else None


class Machine:
    """Booted by `start`, or as a context manager; gone with all its files when stopped.

    Start it from the main thread: the kernel kills it when the thread that started it ends.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._upper = folder / "upper"
        self._process: subprocess.Popen[bytes] | None = None
        self._leader = 0
        self._gates: dict[int, socket.socket] = {}

    @property
    def log(self) -> Path:
        """What the console showed."""
        return self._folder / "console.log"

    def start(self) -> Self:
        """Boot, and wait until all is up."""
        for name in ("upper", "work", "root"):
            (self._folder / name).mkdir(parents=True)
        binds = self._prepare()
        command = ["setpriv", "--pdeathsig", "KILL", "--", "unshare", "--mount", "--propagation", "private"]
        command += [
            "bash",
            "-c",
            _START,
            "bash",
            str(self._folder),
            "--boot",
            f"--directory={self._folder}/root",
        ]
        command += [f"--machine=syncd-lab-{os.getpid()}", *binds, "systemd.unit=syncd-lab.target"]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            wait_until(self._is_up, "the machine to boot", 60)
        except LabError as error:
            self.stop()
            raise LabError(f"{error}\n{self.log.read_text(errors='replace')[-2000:]}") from None
        self.run("ldconfig")
        return self

    def stop(self) -> None:
        """Switch it off, and take its files away."""
        process, self._process = self._process, None
        if process is None:
            return
        for gate in self._gates.values():
            gate.shutdown(socket.SHUT_RDWR)
            gate.close()
        if self._leader:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._leader, 9)
        process.kill()
        process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def run(
        self, *command: str, user: str = "root", check: bool = True, environ: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in there, as somebody who has just logged in.

        Raises:
            LabError: it failed, and `check` was asked for.
        """
        entry = self._account(user)
        plain = {
            "HOME": entry.pw_dir,
            "USER": user,
            "PATH": f"{entry.pw_dir}/.local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "XDG_RUNTIME_DIR": f"/run/user/{entry.pw_uid}",
            **(environ or {}),
        }
        switch = ["setpriv", f"--reuid={user}", f"--regid={entry.pw_gid}", "--init-groups", "--"]
        done = subprocess.run(
            ["nsenter", f"--target={self._leader}", "--all", "env", "--chdir=/", "--ignore-environment"]
            + [f"{name}={value}" for name, value in plain.items()]
            + (switch if user != "root" else [])
            + [*command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=60,
            check=False,
        )
        if check and done.returncode:
            raise LabError(f"{' '.join(command)} ended with {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def path(self, inside: str) -> Path:
        """A file of the machine, as it is reached from here."""
        return Path(f"/proc/{self._leader}/root") / inside.lstrip("/")

    def put(self, inside: str, text: str, owner: str = "root", mode: int = 0o644) -> None:
        """Write a file in there; folders that are missing belong to the same owner."""
        entry = self._account(owner)
        missing = [one for one in Path(inside).parents if not self.path(str(one)).exists()]
        for folder in reversed(missing):
            self.path(str(folder)).mkdir()
            os.chown(self.path(str(folder)), entry.pw_uid, entry.pw_gid)
        file = self.path(inside)
        file.write_text(text)
        file.chmod(mode)
        os.chown(file, entry.pw_uid, entry.pw_gid)

    def add_user(self, name: str, *groups: str) -> None:
        """Make an account, in these groups besides, whose systemd runs although nobody is logged in."""
        self.run("useradd", "--create-home", "--shell=/bin/bash", f"--groups={','.join(groups)}", name)
        self.run("loginctl", "enable-linger", name)
        self.run("systemctl", "start", f"user@{self._account(name).pw_uid}.service")

    def reach(self, port: int) -> None:
        """Let a server that listens on this machine's loopback be reached in there, at the same port."""
        if port not in self._gates:
            self._gates[port] = gate = _listen_in(self._leader, port)
            threading.Thread(target=_pass_on, args=(gate, port), daemon=True).start()

    def properties(self, unit: str, *names: str, user: str = "root") -> Mapping[str, str]:
        """What systemd knows of a unit: of the machine's, or of an account's own."""
        mine = ["--user"] if user != "root" else []
        shown = self.run("systemctl", *mine, "show", f"--property={','.join(names)}", unit, user=user).stdout
        return dict(line.partition("=")[::2] for line in shown.splitlines())

    def _account(self, user: str) -> pwd.struct_passwd:
        if user == "root":
            return pwd.getpwuid(0)
        for line in self.path("/etc/passwd").read_text().splitlines():
            name, word, uid, gid, gecos, home, shell = line.split(":")
            if name == user:
                return pwd.struct_passwd((name, word, int(uid), int(gid), gecos, home, shell))
        raise LabError(f"the machine has no account {user}")

    def _prepare(self) -> list[str]:
        """Lay out what is different from this machine; returns what is to be seen of it besides."""
        units = self._upper / "etc/systemd/system"
        units.mkdir(parents=True)
        (units / "syncd-lab.target").write_text(_TARGET)
        (self._upper / "etc/machine-id").write_text("")
        # Started under a name of its own, so that nothing is to be seen of accounts' homes: neither Python nor packages.
        environment = self._upper / "opt/syncd/.venv"
        packages = environment / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
        packages.mkdir(parents=True)
        shutil.copytree(ROOT / "syncd", packages / "syncd")
        (packages / "lab.pth").write_text("/opt/lab/packages\n")
        binds = [f"--bind-ro={sysconfig.get_path('purelib')}:/opt/lab/packages"]
        base = Path(sys.base_prefix)
        home = base
        if base != Path("/usr"):
            home = Path("/opt/lab/python")
            binds.append(f"--bind-ro={base}:{home}")
            (self._upper / "etc/ld.so.conf.d").mkdir()
            (self._upper / "etc/ld.so.conf.d/syncd-lab.conf").write_text(f"{home}/lib\n")
        (environment / "pyvenv.cfg").write_text(f"home = {home}/bin\n")
        (environment / "bin").mkdir()
        (environment / "bin/python").symlink_to(f"{home}/bin/python3.{sys.version_info.minor}")
        (environment / "bin/syncd").write_text(_ENTRY)
        (environment / "bin/syncd").chmod(0o755)
        return binds

    def _is_up(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise LabError("the machine ended while it booted")
        if not self._leader:
            self._leader = _first_child(self._process.pid)
        if not self._leader:
            return False
        state = subprocess.run(
            ["nsenter", f"--target={self._leader}", "--all", "systemctl", "is-system-running"],
            capture_output=True,
            text=True,
            check=False,
        )
        return state.stdout.strip() in ("running", "degraded")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _first_child(parent: int) -> int:
    """The machine's first process: the child of nspawn that has become systemd; 0 while there is none."""
    with contextlib.suppress(OSError):
        for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
            if Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                return int(child)
    return 0


def _listen_in(leader: int, port: int) -> socket.socket:
    """A socket of ours that listens in the network of another process: a thread goes there to make it."""
    made: list[socket.socket] = []

    def make() -> None:
        with Path(f"/proc/{leader}/ns/net").open("rb") as network:
            if ctypes.CDLL(None).setns(network.fileno(), _CLONE_NEWNET):
                return
        made.append(socket.create_server(("127.0.0.1", port)))

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    if not made:
        raise LabError("the machine's network cannot be entered")
    return made[0]


def _pass_on(gate: socket.socket, port: int) -> None:
    """Connect whoever comes with the server of that port here."""

    def pump(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while content := source.recv(1 << 16):
                target.sendall(content)
            target.shutdown(socket.SHUT_WR)

    while True:
        try:
            inside, _ = gate.accept()
        except OSError:
            return
        with contextlib.suppress(OSError):
            here = socket.create_connection(("127.0.0.1", port))
            for pair in ((inside, here), (here, inside)):
                threading.Thread(target=pump, args=pair, daemon=True).start()
