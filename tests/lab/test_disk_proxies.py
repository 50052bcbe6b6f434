"""Between syncd and a Gramps Web with its own disk: proxies that keep single files back, and files larger than memory."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from lab.proxy import CUT, MetadataProxy
from lab.world import World, md5
from tests.lab.endings import assert_rests, assert_served, photo


def test_proxies_that_interfere(tree_on_disk: World) -> None:
    """What single files suffer from (limits of size, time and type, a cut, names that clash) is told; the rest goes on."""
    world = tree_on_disk
    world.copy_example_images()
    cut = world.api.create("cut.jpg", photo(1, 5000))
    world.api.create("clash", photo(2))
    sizes = {11_013: 413, 11_504: 504, 11_415: 415}
    for size in sizes:
        world.write(f"{size}.jpg", photo(size, size))
    world.write("small.jpg", photo(3))
    blocked = world.api.create("clash/below.jpg", checksum=md5(photo(4)))  # a folder where a file is
    world.write("below.jpg", photo(4))

    def interfere(method: str, path: str, size: int) -> int | None:
        if method == "GET" and path.startswith(f"/api/media/{cut}/file"):
            return CUT
        return sizes.get(size) if method == "PUT" else None

    with MetadataProxy(world.server.url, lambda _document: None, interfere) as proxy:
        world.configure(gramps={"url": proxy.url})
        run = world.syncd("--once", "--json", timeout=300)
    assert run.code == 1, run
    problems = {problem["handle"]: problem for problem in run.json["problems"]}
    by_path = {path: item["handle"] for path, item in world.api.by_path().items()}
    assert problems.keys() == {cut, blocked, *(by_path[f"{size}.jpg"] for size in sizes)}
    assert all(problem["reason"] and problem["remedy"] for problem in problems.values())
    assert world.api.content(by_path["small.jpg"]) == photo(3)
    world.configure(gramps={"url": world.server.url})
    world.api.edit(blocked, path="beside/below.jpg")  # the remedy
    world.sync()
    assert_served(world)
    assert_rests(world)


def test_a_large_file_in_little_memory(tree_on_disk: World) -> None:
    """120 MB travel both ways in a process that never holds them."""
    world = tree_on_disk
    world.copy_example_images()
    block = os.urandom(1_000_000)
    with (world.folder / "film.mp4").open("wb") as film:
        for number in range(120):
            film.write(number.to_bytes(4, "big") + block)
    laptop = world.new_desktop("laptop")
    for desktop in (world.desktop, laptop):
        process = desktop.start("--once", "--json")
        most = 0
        while process.poll() is None:
            with contextlib.suppress(OSError, StopIteration, ValueError):
                status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii").splitlines()
                most = max(most, int(next(line for line in status if line.startswith("VmHWM")).split()[1]))
            with contextlib.suppress(Exception):
                process.wait(0.05)
        out, err = process.communicate()
        assert process.returncode == 0, out + err
        assert 0 < most < 170_000, f"{most} kB at most"
    assert (laptop.folder / "film.mp4").stat().st_size == 120 * 1_000_004
    assert_served(world, world.desktop, laptop)
