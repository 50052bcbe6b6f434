"""The exception tree: each class carries its exit code, each instance what is wrong and what to do about it.

Foreign exceptions are translated once, at the edge where they arise (`raise … from`). A failure of one item is
no exception but a `Problem`; what is raised here ends or postpones the whole run.

`ExitCode` is part of the contract with scripts.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process says when it ends; where several apply, the first of this order wins."""

    USAGE = 2
    STATE = 6
    LOCKED = 5
    UNREACHABLE = 4
    PERSON_NEEDED = 3
    PROBLEMS = 1
    OK = 0
    DEFECT = 70
    INTERRUPTED = 130
    TERMINATED = 143


class SyncdError(Exception):
    """The root. `reason` is one plain sentence, `remedy` what the person can do; neither holds a secret."""

    exit_code: ExitCode = ExitCode.DEFECT
    part: object = None
    """What a run had done before this ended it, as an outcome; None where nobody tells."""

    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy


class ConfigError(SyncdError):
    """Wrong usage or configuration; the reason names the key."""

    exit_code = ExitCode.USAGE


class StateError(SyncdError):
    """The state file cannot be used; it was left untouched."""

    exit_code = ExitCode.STATE


class LockedError(SyncdError):
    """Another syncd holds the state file or the folder."""

    exit_code = ExitCode.LOCKED


class NoDaemon(SyncdError):
    """No syncd is at work in the background for this state file, and the command is for nobody else."""

    exit_code = ExitCode.PERSON_NEEDED


class ServerError(SyncdError):
    """Gramps Web or the bucket failed as a whole."""

    exit_code = ExitCode.UNREACHABLE


class Unreachable(ServerError):
    """No answer, or a transient error that outlived every retry."""


class LostAnswer(Unreachable):
    """A request that changes something was sent, but no answer came: it may or may not have been carried out."""


class Denied(ServerError):
    """The login or the rights were refused."""


class BucketMissing(Denied):
    """There is no such bucket."""


class Unexpected(ServerError):
    """An answer that makes no sense: an HTML page, truncated JSON, a listing that is short."""


class Untested(ServerError):
    """This version of Gramps Web is not one that syncd is tested with, and nobody said to try all the same."""


class Refused(ServerError):
    """The server refused one request for a reason that repeating does not change (400, 409, 413, 415, quota)."""


class MovedOn(ServerError):
    """The thing is no longer what was read: somebody was faster. The next pass decides anew."""


class Occupied(MovedOn):
    """Other bytes are where these belong, in a place where nothing is overwritten. Another place is to be found."""


class FolderError(SyncdError):
    """The media folder cannot be used (read-only, full, gone)."""

    exit_code = ExitCode.PERSON_NEEDED


class NotUndone(SyncdError):
    """What was done cannot be put back; nothing was changed."""

    exit_code = ExitCode.PERSON_NEEDED


class StopError(SyncdError):
    """Nothing may be done until a person looks; `begun` where something was done in the bucket before."""

    exit_code = ExitCode.PERSON_NEEDED

    def __init__(self, reason: str, remedy: str = "", *, begun: bool = False) -> None:
        super().__init__(reason, remedy)
        self.begun = begun
