"""The bucket behind Gramps Web: bytes by checksum.

`open_store` gives an `S3Store`, which is a `syncd.ports.Store`. Small files, reads and HEADs travel through obstore;
what obstore cannot do (listing past odd foreign keys, multipart uploads under our control, buckets themselves)
through boto3, which is only imported when it is needed.
"""

from syncd.bucket.access import Patience, S3Location
from syncd.bucket.opening import open_store
from syncd.bucket.s3 import S3Store

__all__ = ["Patience", "S3Location", "S3Store", "open_store"]
