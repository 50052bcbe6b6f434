"""Gramps Web: the catalog of media objects. `client.GrampsWeb` implements `ports.Catalog`.

Nothing of HTTP leaves this package: every failure is a `SyncdError` in words that a genealogist knows, and no
message ever holds a password, a token or a presigned address.
"""

from syncd.gramps.client import MINIMUM_VERSION, GrampsWeb
from syncd.gramps.login import Credentials, Password, SyncToken
from syncd.gramps.mime import mime_of

__all__ = ["MINIMUM_VERSION", "Credentials", "GrampsWeb", "Password", "SyncToken", "mime_of"]
