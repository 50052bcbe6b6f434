"""The policies of docs/s3-services.md suffice, and hold nothing that is not needed: on a server that enforces them.

moto knows Amazon's policies but for most conditions; those are compared with what was asked, as the server logged it.
"""

from __future__ import annotations

import copy
import fnmatch
import hashlib
import io
import json
import re
import secrets
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from pydantic import SecretStr

from lab.s3 import BIN, REGION, MotoS3
from syncd.bucket import Patience, S3Store, open_store
from syncd.errors import Denied, ServerError
from syncd.model import Checksum

TEXT = (Path(__file__).parents[2] / "docs" / "s3-services.md").read_text(encoding="utf-8")
POLICIES = {
    name: json.loads(block) for name, block in re.findall(r"```json policy=(\S+)\n(.*?)```", TEXT, re.DOTALL)
}
BUCKET, TREE = "my-bucket", "family/0123-tree/"
QUICK = Patience(retries=1, connect=2, answer=10, longest_pause=0.1)

Policy = dict[str, Any]
Work = Mapping[str, Callable[[], object]]


def md5(content: bytes) -> Checksum:
    """The checksum of some bytes."""
    return Checksum(hashlib.md5(content, usedforsecurity=False).hexdigest())


class Account:
    """A user of moto with the rights of a policy, and the store that works with them."""

    def __init__(self, server: MotoS3) -> None:
        self.server = server
        self.iam: Any = boto3.session.Session().client(
            "iam",
            region_name=REGION,
            endpoint_url=server.url,
            aws_access_key_id="root",
            aws_secret_access_key="root",
        )
        self.iam.create_user(UserName="syncd")
        self.keys: Any = self.iam.create_access_key(UserName="syncd")["AccessKey"]
        server.new_bucket(BUCKET)

    def enforce(self, *, on: bool) -> None:
        """From now on moto looks at signatures and policies, or at nothing."""
        address = f"{self.server.url}/moto-api/reset-auth"
        kind = {"Content-Type": "text/plain"}  # else it is taken for a form
        request = urllib.request.Request(address, b"0" if on else b"inf", kind, method="POST")
        urllib.request.urlopen(request, timeout=10).close()

    @contextmanager
    def limited_to(self, policy: Policy) -> Iterator[S3Store]:
        """A store with these rights and no others."""
        policy = copy.deepcopy(policy)
        for statement in policy["Statement"]:
            if "s3:DeleteObject" in statement["Action"]:
                # moto asks for it on the bucket where Amazon asks on each object that is deleted together with others.
                statement["Resource"] = [statement["Resource"], f"arn:aws:s3:::{BUCKET}"]
        self.iam.put_user_policy(UserName="syncd", PolicyName="syncd", PolicyDocument=json.dumps(policy))
        store = open_store(
            bucket=BUCKET,
            prefix=TREE,
            endpoint_url=self.server.url,
            region=REGION,
            access_key_id=self.keys["AccessKeyId"],
            secret_access_key=SecretStr(self.keys["SecretAccessKey"]),
            patience=QUICK,
        )
        self.enforce(on=True)
        try:
            yield store
        finally:
            self.enforce(on=False)
            store.close()


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """An account of a server of its own, for what it enforces it enforces for all."""
    if not BIN.exists():
        pytest.skip("needs the S3 servers: script/setup --lab")
    with MotoS3(tmp_path_factory.mktemp("moto")) as server:
        yield Account(server)


def syncing(store: S3Store) -> Work:
    """All that a sync and `syncd check` ask of a bucket."""
    photo, film = secrets.token_bytes(5000), secrets.token_bytes(9 << 20)

    def put(content: bytes) -> None:
        store.put(io.BytesIO(content), md5(content), len(content), "image/png")

    def unfinished() -> None:
        with pytest.raises(OSError, match="lost"):
            store.put(Lost(film), md5(film[::-1]), len(film), "video/mp4")

    return {
        "look": store.exists,
        "list": store.list,
        "absent": lambda: store.sizes([md5(photo)]),
        "upload": lambda: put(photo),
        "upload in parts": lambda: put(film),
        "sizes": lambda: store.sizes([md5(photo)]),
        "fetch": lambda: store.get(md5(photo), io.BytesIO()),
        "call off": unfinished,
        "check": store.probe_write,
        "clear away": store.abort_stale_uploads,
    }


class Lost(io.BytesIO):
    """A file on a drive that is unplugged in the middle."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Some, then nothing any more."""
        if self.tell() > 1 << 20:
            raise OSError("lost")
        return super().read(min(size or 0, 1 << 20))


def tidying(store: S3Store) -> Work:
    """All that `syncd orphans --collect` and `syncd migrate-prefix --delete-old` ask of it."""
    upkeep, name = store.upkeep(), md5(b"orphan")
    waiting = f"{TREE}syncd-quarantine/{name}"

    def see(key: str) -> Any:
        return next(found for found in upkeep.walk() if found.key == key)

    def delete() -> None:
        for reason in upkeep.delete([see(TREE + name)]).values():
            raise Denied(reason)

    return {
        "walk": lambda: list(upkeep.walk()),
        "find others": lambda: upkeep.find_tenants(TREE, "0123-tree"),
        "copy": lambda: upkeep.copy(see(TREE + name), waiting),
        "look": lambda: upkeep.look(waiting),
        "delete": delete,
    }


WORK: Mapping[str, Callable[[S3Store], Work]] = {
    "sync": syncing,
    "sync-below-a-prefix": syncing,
    "tidy": tidying,
}


def actions(policy: Policy) -> set[str]:
    """What a policy allows."""
    named = (statement["Action"] for statement in policy["Statement"])
    return {action for some in named for action in ([some] if isinstance(some, str) else some)}


def without(policy: Policy, action: str) -> Policy:
    """The policy without a right."""
    less = copy.deepcopy(policy)
    for statement in less["Statement"]:
        some = statement["Action"]
        statement["Action"] = [one for one in ([some] if isinstance(some, str) else some) if one != action]
    less["Statement"] = [statement for statement in less["Statement"] if statement["Action"]]
    return less


def plant(account: Account) -> None:
    """What there is to tidy."""
    account.server.client.put_object(Bucket=BUCKET, Key=TREE + md5(b"orphan"), Body=b"orphan")


def test_every_policy_is_tried() -> None:
    """The document has these policies, and none deletes but the one for tidying."""
    assert POLICIES.keys() == WORK.keys()
    assert TEXT.count("```json") == len(POLICIES)
    assert {name for name, policy in POLICIES.items() if "s3:DeleteObject" in actions(policy)} == {"tidy"}
    assert not any("*" in action for policy in POLICIES.values() for action in actions(policy))
    named = set(re.findall(r"^\| `(s3:\w+)` \|", TEXT, re.MULTILINE))
    assert named == {action for policy in POLICIES.values() for action in actions(policy)} | {
        "s3:CreateBucket"
    }


@pytest.mark.parametrize("name", WORK)
def test_policy_suffices(account: Account, name: str) -> None:
    """With the rights of the policy everything works; what is listed fits its condition."""
    plant(account)
    position = account.server.log_position()
    with account.limited_to(POLICIES[name]) as store:
        for work in WORK[name](store).values():
            work()
    log = account.server._log_since(position)
    listed = re.findall(r"GET /my-bucket\?(\S*list-type=2\S*)", log)
    assert listed
    for statement in POLICIES[name]["Statement"]:
        condition = statement.get("Condition", {}).get("StringLike", {}).get("s3:prefix", "*")
        for query in listed:
            (prefix,) = urllib.parse.parse_qs(query, keep_blank_values=True)["prefix"]
            assert fnmatch.fnmatchcase(prefix, condition), "the listing asks for more than the policy allows"


@pytest.mark.parametrize(
    ("name", "action"),
    [(name, action) for name in ("sync", "tidy") for action in sorted(actions(POLICIES[name]))],
)
def test_each_right_is_needed(account: Account, name: str, action: str) -> None:
    """Without any one right something is refused, as a lack of rights; nothing looks missing that is there."""
    plant(account)
    refused: dict[str, ServerError] = {}
    with account.limited_to(without(POLICIES[name], action)) as store:
        for what, work in WORK[name](store).items():
            try:
                work()
            except ServerError as error:
                refused[what] = error
    assert any(isinstance(refusal, Denied) for refusal in refused.values())
    for what, refusal in refused.items():
        never_stored = what == "fetch" and "upload" in refused
        assert isinstance(refusal, Denied) or never_stored, (what, refusal)
