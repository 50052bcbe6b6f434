"""What can be configured: one pydantic model a section, every key with its default and meaning.

The models hold what every other room relies on: absolute paths, checked addresses, seconds, and secrets
only as `SecretStr`. Where the values come from, and how files are read into secrets, is `sources.py` and
`credentials.py`; the models neither read files nor the environment.
"""

from __future__ import annotations

import os.path
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationInfo,
)
from pydantic import field_validator as checked

from syncd.config.addresses import bucket_address, web_address
from syncd.config.durations import Seconds
from syncd.config.rates import Rate
from syncd.model import MediaPath, PathRules
from syncd.model.policy import Conflicts, FirstSync, HoldAbove, InFolder, NewFiles, OnWeb, Policy


def _absolute(path: Path) -> Path:
    if "\0" in str(path):
        raise ValueError("must not hold a NUL character")
    if path == Path():
        raise ValueError("is empty")
    if not path.is_absolute():
        raise ValueError("must be an absolute path")
    return path


AbsolutePath = Annotated[Path, AfterValidator(_absolute)]


def _no_truth(written: object) -> object:
    # pydantic takes true for 1.
    if isinstance(written, bool):
        raise ValueError("must be a number")  # noqa: TRY004 - pydantic reports ValueErrors
    return written


Whole = Annotated[int, BeforeValidator(_no_truth)]
Share = Annotated[float, BeforeValidator(_no_truth)]


def _one_line(text: str) -> str:
    if any(char < " " or char == "\x7f" for char in text):
        raise ValueError("must not hold line breaks or control characters")
    return text


Line = Annotated[str, AfterValidator(_one_line)]
FilledLine = Annotated[Line, Field(min_length=1)]


def _secret_line(secret: SecretStr) -> SecretStr:
    value = secret.get_secret_value()
    if not value:
        raise ValueError("is empty")
    _one_line(value)
    return secret


Secret = Annotated[SecretStr, AfterValidator(_secret_line)]


def _mapped(path_map: Mapping[str, str]) -> Mapping[str, str]:
    for prefix, folder in path_map.items():
        if not prefix.strip():
            raise ValueError("maps a folder without a name")
        parts = folder.replace("\\", "/").split("/")
        if folder.startswith(("/", "\\")) or ".." in parts or ":" in parts[0] or "\0" in folder:
            raise ValueError(
                "must lead to a folder below the media folder, "
                'such as "scans", or to the media folder itself, "."'
            )
    return path_map


PathMap = Annotated[Mapping[str, str], AfterValidator(_mapped)]


class _Section(BaseModel):
    """Nothing unknown, nothing changed later, nothing of the input in a message.

    What checks a section is built when it is needed: most are only parts of what a command loads.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True)


class GrampsSettings(_Section):
    """`[gramps]`: the server and the login. Once loaded, exactly one of `password` and `token` is set."""

    # Before `url`, whose check needs it.
    allow_http: bool = Field(
        default=False, description="Allow plain `http://` to a server that is not this machine."
    )
    url: str = Field(
        description="The address of Gramps Web, with or without `/api`.", examples=["https://family.example"]
    )
    username: FilledLine | None = Field(
        default=None, description="Whom to log in as; an editor or more. Not needed with a token."
    )
    password: Secret | None = Field(default=None, description="The password.")
    password_file: AbsolutePath | None = Field(
        default=None, description="A file that holds the password and nothing else."
    )
    token: Secret | None = Field(default=None, description="A sync token, instead of name and password.")
    token_file: AbsolutePath | None = Field(
        default=None, description="A file that holds the sync token and nothing else."
    )
    allow_untested_server: bool = Field(
        default=False,
        description="Sync also with a version of Gramps Web that this syncd is not tested with.",
    )

    @checked("url")
    @classmethod
    def _check_url(cls, url: str, info: ValidationInfo) -> str:
        # A bad allow_http is a mistake of its own: no second one for its sake.
        allowed = bool(info.data.get("allow_http", True))
        return web_address(url, allow_http=allowed, allow_key="gramps.allow_http").removesuffix("/api")


class S3Settings(_Section):
    """`[s3]`: the bucket behind Gramps Web. Keys are both set or both None (then boto3 looks for them)."""

    # Before `endpoint_url`, whose check needs it.
    allow_http: bool = Field(
        default=False, description="Allow plain `http://` to an S3 server that is not this machine."
    )
    url: str = Field(
        description="Bucket and prefix, as in Gramps Web's `MEDIA_BASE_DIR`. Without it: "
        "`GRAMPSWEB_MEDIA_BASE_DIR`. A tree's own prefix is found out.",
        examples=["s3://my-bucket/prefix"],
    )
    endpoint_url: str | None = Field(
        default=None,
        description="The S3 server, for others than Amazon's. Without it: `AWS_ENDPOINT_URL_S3`, "
        "`AWS_ENDPOINT_URL`.",
        examples=["https://s3.example"],
    )
    region: FilledLine | None = Field(
        default=None, description="Without it: `AWS_DEFAULT_REGION`, `AWS_REGION`.", examples=["eu-central-1"]
    )
    profile: FilledLine | None = Field(
        default=None,
        description="A profile of `~/.aws/config`, instead of keys. Without it: `AWS_PROFILE`.",
    )
    access_key_id: Secret | None = Field(default=None, description="Without it: `AWS_ACCESS_KEY_ID`.")
    access_key_id_file: AbsolutePath | None = Field(
        default=None, description="A file that holds the access key's id and nothing else."
    )
    secret_access_key: Secret | None = Field(default=None, description="Without it: `AWS_SECRET_ACCESS_KEY`.")
    secret_access_key_file: AbsolutePath | None = Field(
        default=None, description="A file that holds the secret access key and nothing else."
    )
    session_token: Secret | None = Field(
        default=None,
        description="Only for keys that expire. Without it, and with both keys from `AWS_…`: "
        "`AWS_SESSION_TOKEN`.",
    )
    create_bucket: bool = Field(
        default=False,
        description="Make the bucket also when it is missing after the first sync. At the first one, a bucket "
        "that Gramps Web itself names is made without asking.",
    )
    transfers: Whole = Field(default=16, ge=1, le=256, description="How many files travel at once.")

    @checked("url")
    @classmethod
    def _check_url(cls, url: str) -> str:
        return bucket_address(url)

    @checked("endpoint_url")
    @classmethod
    def _check_endpoint(cls, url: str | None, info: ValidationInfo) -> str | None:
        if url is None:
            return None
        allowed = bool(info.data.get("allow_http", True))
        return web_address(url, allow_http=allowed, allow_key="s3.allow_http")

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return self.url.removeprefix("s3://").partition("/")[0]

    @property
    def prefix(self) -> str:
        """What stands before every key, without a tree's own prefix: `""`, or ends with a slash."""
        prefix = self.url.removeprefix("s3://").partition("/")[2]
        return f"{prefix}/" if prefix else ""


class NewObjectsSettings(_Section):
    """`[new_objects]`: how a file that is new in the folder is added to Gramps Web."""

    private: bool = Field(default=False, description="Mark new media objects as private.")
    tag: Line = Field(
        default="", description="A tag for new media objects; it is made when missing.", examples=["To sort"]
    )


class DesktopSettings(_Section):
    """`[desktop]`: the family tree of a Gramps Desktop on this machine that syncs with the same Gramps Web."""

    tree: FilledLine = Field(
        description="The family tree's title, or the path of its folder. A file that it knows gets the media object "
        "that it has there.",
        examples=["Family"],
    )


class HoldAboveSettings(_Section):
    """`hold_above`: more deletions within 24 hours wait for a person."""

    count: Whole = Field(default=200, ge=0, description="More deletions than this are held.")
    percent: Share = Field(
        default=5,
        ge=0,
        le=100,
        allow_inf_nan=False,
        description="So are more than this share of all files …",
    )
    always_allow: Whole = Field(default=10, ge=0, description="… unless they are no more than this.")


class DeletionsSettings(_Section):
    """`[deletions]`."""

    on_web: OnWeb = Field(
        default=OnWeb.UNREFERENCED,
        description="A file deleted in the folder deletes its media object: `unreferenced` (only when "
        "nothing refers to it, else it is held), `always`, `never`.",
    )
    in_folder: InFolder = Field(
        default=InFolder.TRASH,
        description="A media object deleted in Gramps Web moves its file to the `trash` of syncd, or `never`.",
    )
    hold_above: HoldAboveSettings = Field(default_factory=HoldAboveSettings)
    trash_days: Whole = Field(
        default=30, ge=1, le=36_500, description="How many days the trash keeps a file at least."
    )


class Watch(StrEnum):
    """How the daemon learns of changes in the media folder."""

    AUTO = "auto"
    POLL = "poll"


class DaemonSettings(_Section):
    """`[daemon]`: durations in seconds; written as `30s`, `5m`, `6h`, `2d`, `1h30m`."""

    check_web_every: Seconds = Field(
        default=30.0, ge=1, le=86_400, description="How often Gramps Web is asked for changes."
    )
    settle: Seconds = Field(
        default=2.0, ge=0, le=3_600, description="How long a file must stay unchanged to count as finished."
    )
    watch: Watch = Field(
        default=Watch.AUTO,
        description="How changes in the folder are noticed: `auto` (the kernel tells, or on network file systems by "
        "looking again and again), `poll` (always by looking).",
    )
    poll_every: Seconds = Field(
        default=60.0,
        ge=1,
        le=86_400,
        description="How often the folder is looked through where the kernel does not tell of changes; less often "
        "where that would take more than a twentieth of the time.",
    )
    full_check_every: Seconds = Field(
        default=21_600.0,
        ge=60,
        le=31_536_000,
        description="How often folder, Gramps Web and bucket are compared in full.",
    )


class _Loaded(_Section):
    """What a command is given: settings that know where they come from."""

    _source: Path | None = PrivateAttr(default=None)
    _warnings: tuple[str, ...] = PrivateAttr(default=())

    @property
    def source(self) -> Path | None:
        """The file that was read; None when all came from the environment."""
        return self._source

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is not wrong but unwise, a plain line each."""
        return self._warnings

    def told(self, *, source: Path | None, warnings: tuple[str, ...]) -> Self:
        """The same settings, with where they come from and what is unwise about them."""
        copy = self.model_copy()
        copy._source, copy._warnings = source, warnings  # noqa: SLF001 - a copy of our own class
        return copy

    def secrets(self) -> Iterator[SecretStr]:
        """Every secret that is known, to be kept out of the log."""
        for _name, section in self:
            if isinstance(section, _Section):
                yield from (value for _key, value in section if isinstance(value, SecretStr))


class Settings(_Loaded):
    """The whole configuration. `s3` is None for a Gramps Web that keeps its media on its own disk."""

    media_dir: AbsolutePath = Field(description="The media folder.", examples=["~/Pictures/family"])
    state_dir: AbsolutePath = Field(
        description="Where syncd keeps what it remembers. Default: `$STATE_DIRECTORY` (systemd), "
        "`$XDG_STATE_HOME/syncd`, `~/.local/state/syncd`.",
    )
    new_files: NewFiles = Field(
        default=NewFiles.ADD,
        description="New files in the folder: `add` them to Gramps Web; `upload-only` (the bytes; the media "
        "object comes by another way); `ignore`. With `[desktop]` the default is `upload-only`.",
    )
    conflicts: Conflicts = Field(
        default=Conflicts.KEEP_BOTH,
        description="A file that changed on both sides: `keep-both`, `prefer-folder`, `prefer-web`.",
    )
    first_sync: FirstSync = Field(
        default=FirstSync.ASK,
        description="A large first sync: `ask` (the plan is shown and waits for a yes), `go`.",
    )
    ignore: tuple[str, ...] = Field(
        default=(),
        description="Files that stay out, as patterns of gitignore; added to the built-in ones and to "
        "`<media_dir>/.syncdignore`.",
        examples=[["*.psd"]],
    )
    path_map: PathMap = Field(
        default_factory=dict,
        description="Folders as paths in Gramps Web name them, and where below the media folder they are "
        "(`.` is the media folder itself).",
        examples=[{"C:\\Users\\me\\Pictures": "."}],
    )
    limit_up: Rate = Field(
        default=0,
        description="Bytes a second that files may be sent with, all together; `0` sets no limit.",
        examples=["500 kB"],
    )
    limit_down: Rate = Field(
        default=0,
        description="Bytes a second that files may be fetched with, all together; `0` sets no limit.",
        examples=["2 MB"],
    )
    gramps: GrampsSettings
    s3: S3Settings | None = None
    desktop: DesktopSettings | None = None
    new_objects: NewObjectsSettings = Field(default_factory=NewObjectsSettings)
    deletions: DeletionsSettings = Field(default_factory=DeletionsSettings)
    daemon: DaemonSettings = Field(default_factory=DaemonSettings)

    @checked("media_dir")
    @classmethod
    def _check_media_dir(cls, media_dir: Path) -> Path:
        if os.path.realpath(media_dir) == "/":
            raise ValueError("must not be the whole file system")
        return media_dir

    @checked("state_dir")
    @classmethod
    def _check_state_dir(cls, state_dir: Path, info: ValidationInfo) -> Path:
        media_dir = info.data.get("media_dir")
        if media_dir is None:
            return state_dir
        # Not Path.resolve, which raises on a circle of links.
        state, media = Path(os.path.realpath(state_dir)), Path(os.path.realpath(media_dir))
        if state.is_relative_to(media):
            raise ValueError("must not be in the media folder (media_dir): keep what syncd remembers apart")
        if media.is_relative_to(state):
            raise ValueError("must not hold the media folder (media_dir): keep what syncd remembers apart")
        return state_dir

    @checked("ignore")
    @classmethod
    def _check_ignore(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            trailing = len(pattern) - len(pattern.rstrip("\\"))
            if pattern.strip() == "!" or trailing % 2 or any(char in pattern for char in "\0\r\n"):
                raise ValueError(
                    "holds a pattern that gitignore does not know: "
                    "a lone '!', a '\\' at the end, or a line break"
                )
        return patterns

    @property
    def state_file(self) -> Path:
        """The database of what both sides last agreed on."""
        return self.state_dir / "state.sqlite"

    @property
    def has_chosen(self) -> bool:
        """Whether a person said how new files get their media objects, in a file or a variable."""
        return self.desktop is not None or "new_files" in self.model_fields_set

    @property
    def mode_of_new_files(self) -> NewFiles:
        """What becomes of new files that nobody knows: as was said, else what goes with `[desktop]` or without."""
        if self.desktop is not None and "new_files" not in self.model_fields_set:
            return NewFiles.UPLOAD_ONLY
        return self.new_files

    def path_rules(self, media_dir: str | None = None) -> PathRules:
        """How paths in Gramps Web are read here.

        Args:
            media_dir: the media folder where it has another name than in the configuration.
        """
        folder = media_dir or str(self.media_dir)
        # Where the way to the folder leads through links, a program may have noted it either way.
        return PathRules(folder, tuple(self.path_map.items()), (os.path.realpath(folder),))

    def policy(
        self,
        ignored: Callable[[MediaPath], bool],
        *,
        media_dir: str | None = None,
        found_by_path: bool | None = None,
    ) -> Policy:
        """The rules of the merge, as the pure core takes them.

        Args:
            ignored: whether a path is out of scope.
            media_dir: the media folder where it has another name than in the configuration.
            found_by_path: whether the server keeps media on its own disk; None: it does when there is no
                `[s3]`.
        """
        limits = self.deletions.hold_above
        return Policy(
            rules=self.path_rules(media_dir),
            new_files=self.mode_of_new_files,
            conflicts=self.conflicts,
            on_web=self.deletions.on_web,
            in_folder=self.deletions.in_folder,
            first_sync=self.first_sync,
            hold_above=HoldAbove(
                count=limits.count, percent=limits.percent, always_allow=limits.always_allow
            ),
            ignored=ignored,
            found_by_path=self.s3 is None if found_by_path is None else found_by_path,
        )


class UploadSettings(_Loaded):
    """What `syncd upload` needs of the configuration: a bucket; all else is only a help.

    Other keys are neither needed nor checked, so that a file with nothing but `[s3]` does as well as a whole one.
    """

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True, defer_build=True)

    media_dir: AbsolutePath | None = None
    path_map: PathMap = Field(default_factory=dict)
    limit_up: Rate = 0
    limit_down: Rate = 0
    gramps: GrampsSettings | None = None
    s3: S3Settings
