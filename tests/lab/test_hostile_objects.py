"""Objects that somebody with an account makes to harm others: handles that are no names, beside good ones."""

from __future__ import annotations

from lab.world import World, md5
from tests.lab.endings import photo

HANDLES = (
    "..",
    ".",
    "a/b",
    "../../token",
    "a?b=c#d",
    "%2e%2e",
    "h" * 50,
    "👰🏽‍♀️ handle",
    " ",
    "-rf",
    "'; DROP TABLE media; --",
)
"""Gramps does not restrict what is in a handle."""


def test_odd_handles(empty_world: World) -> None:
    """Each object's file comes, an edit reaches the object or is told why not, and nothing else is touched by it."""
    world = empty_world
    world.write("good.jpg", photo(50))
    world.sync()
    assert world.s3 is not None
    contents = {f"{number}.jpg": photo(number, 700) for number in range(len(HANDLES))}
    for content in contents.values():
        world.s3.put_content(content)
    forms = [
        {
            "_class": "Media",
            "handle": handle,
            "path": path,
            "mime": "image/jpeg",
            "desc": "",
            "checksum": md5(content),
        }
        for handle, (path, content) in zip(HANDLES, contents.items(), strict=True)
    ]
    world.api.json("POST", "/objects/", json=forms)
    world.sync()
    assert {
        path: content for path, content in world.desktop.files().items() if path != "good.jpg"
    } == contents
    mark = world.mark()
    assert world.sync()["actions"] == []
    mark.assert_nothing_written()
    (world.folder / "good.jpg").write_bytes(photo(51))
    (world.folder / "2.jpg").rename(world.folder / "moved.jpg")
    for path in ("0.jpg", "6.jpg"):
        (world.folder / path).unlink()
    run = world.syncd("--once", "--json")
    assert run.code in (0, 1), run
    assert world.catalog()["good.jpg"] == md5(photo(51))
    left = {item["handle"] for item in world.api.media()}
    assert left >= set(HANDLES) - {"..", "h" * 50}
