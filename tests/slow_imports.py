"""Modules that a run which finds nothing to do must not import, each with what needs it."""

from __future__ import annotations

FOR_WORK = {
    "obstore": "the bucket",
    "boto3": "the bucket",
    "botocore": "the bucket",
    "syncd.bucket": "the bucket",
    "asyncio": "the bucket",
    "structlog": "the first line of the log",
    "rich": "whatever is drawn on a terminal",
    "pygments": "rich",
    "stamina": "a request that failed",
    "tenacity": "stamina",
    "pathspec": "patterns of the person's own",
    "ijson": "a listing of the whole tree",
    "watchdog": "the daemon",
    "apscheduler": "the daemon",
    "syncd.applier.apply": "a plan that is not empty",
    "syncd.applier.transfers": "a plan that is not empty",
    "syncd.control.contract": "a daemon",
}
