"""A home folder with a configuration in it, and what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from syncd.config import Settings, load_settings
from syncd.errors import ConfigError, ExitCode

GOOD = """\
media_dir = "family"
[gramps]
url = "https://family.example"
username = "editor"
password = "hunter2-password"
"""

SECRETS = ("hunter2-password", "hunter2-token", "hunter2-secret-key", "hunter2-key-id", "hunter2-session")


@dataclass
class Home:
    """A person's home folder."""

    folder: Path
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def file(self) -> Path:
        """The file that is found without being named."""
        return self.folder / ".config" / "syncd" / "syncd.toml"

    def write(self, text: str | bytes, *, mode: int = 0o600) -> None:
        """Write the configuration file."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_bytes(text if isinstance(text, bytes) else text.encode())
        self.file.chmod(mode)

    def secret(self, name: str, text: str | bytes, *, mode: int = 0o600) -> Path:
        """Write a file with a secret beside the configuration."""
        path = self.file.parent / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(mode)
        return path

    def load(self, text: str | None = None, named: Path | str | None = None, **environ: str) -> Settings:
        """Load it, with these variables besides."""
        if text is not None:
            self.write(text)
        return load_settings(None if named is None else Path(named), self.variables(environ))

    def mistakes(self, text: str | None = None, named: Path | str | None = None, **environ: str) -> list[str]:
        """The lines of the error; fails when there is none, or when it tells a secret."""
        error = self.error(text, named, **environ)
        return error.reason.split("\n")

    def error(self, text: str | None = None, named: Path | str | None = None, **environ: str) -> ConfigError:
        """The error, looked through for secrets and for what a person should not see."""
        with pytest.raises(ConfigError) as caught:
            self.load(text, named, **environ)
        error = caught.value
        assert error.exit_code is ExitCode.USAGE
        assert error.remedy
        told = f"{error.reason}{error.remedy}{error!r}{error.__cause__!r}{error.__context__!r}"
        assert [secret for secret in SECRETS if secret in told] == []
        assert "pydantic" not in told
        return error

    def variables(self, more: Mapping[str, str]) -> dict[str, str]:
        """The environment."""
        return {"HOME": str(self.folder), **self.environ, **more}
