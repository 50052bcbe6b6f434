"""A look at everything, and the looks that follow it in the same run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from syncd.model import BucketSnapshot, CatalogSnapshot
from tests.core import md5
from tests.unit.observer.scene import Scene


@pytest.fixture
def imported(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A tree without any history: what is listed each time, for nothing else tells what changed. The listings, in order."""
    listings: list[str] = []

    def noted(what: str, ask: Callable[[], Any]) -> Callable[[], Any]:
        def asking() -> Any:
            listings.append(what)
            return ask()

        return asking

    objects = noted("objects", lambda: (CatalogSnapshot(dict(scene.web.objects)), None))
    monkeypatch.setattr(scene.web, "list", objects)
    monkeypatch.setattr(scene.bucket, "list", noted("keys", lambda: BucketSnapshot(dict(scene.bucket.keys))))
    scene.in_step({"a.jpg": "a", "b.jpg": "b"})
    scene.state.set_cursor(None)
    return listings


def test_the_bucket_is_listed_once_a_run(scene: Scene, imported: list[str]) -> None:
    """By the first look; later ones go by it and by what the run has sent since, however often objects are listed."""
    observer = scene.whole()
    del scene.bucket.keys[md5("b")]
    assert observer.observe().bucket.sizes == scene.bucket.keys
    assert md5("b") not in scene.bucket.keys
    scene.bucket.keys[md5("b")] = 1
    scene.state.add_stored({md5("b"): 1})
    assert observer.observe().bucket.sizes == scene.bucket.keys
    assert imported == ["objects", "keys", "objects"]
    scene.whole().observe()
    assert imported[3:] == ["objects", "keys"]


def test_what_is_named_since_is_asked_for(scene: Scene, imported: list[str]) -> None:
    """The listing spoke of what objects named then."""
    observer = scene.whole()
    observer.observe()
    scene.in_step({"c.jpg": "c"})
    scene.state.drop_stored([md5("c")])
    assert observer.observe().bucket.sizes == scene.bucket.keys
    assert md5("c") in scene.bucket.keys
    assert scene.bucket.heads == [md5("c")]
    assert imported == ["objects", "keys", "objects"]
