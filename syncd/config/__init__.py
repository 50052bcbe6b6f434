"""Settings: from a TOML file, the environment and credentials, checked before anything else happens.

`load_settings` is the way in. Every mistake is one plain line that names the key as the person wrote it.
"""

from syncd.config.credentials import find_credentials
from syncd.config.durations import format_duration, parse_duration
from syncd.config.load import check_media_dir, load_settings, load_upload_settings
from syncd.config.settings import (
    DaemonSettings,
    DeletionsSettings,
    DesktopSettings,
    GrampsSettings,
    HoldAboveSettings,
    NewObjectsSettings,
    S3Settings,
    Settings,
    UploadSettings,
    Watch,
)
from syncd.config.sources import SAMPLE

__all__ = [
    "SAMPLE",
    "DaemonSettings",
    "DeletionsSettings",
    "DesktopSettings",
    "GrampsSettings",
    "HoldAboveSettings",
    "NewObjectsSettings",
    "S3Settings",
    "Settings",
    "UploadSettings",
    "Watch",
    "check_media_dir",
    "find_credentials",
    "format_duration",
    "load_settings",
    "load_upload_settings",
    "parse_duration",
]
