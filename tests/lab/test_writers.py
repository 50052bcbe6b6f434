"""Files that a program is still writing while a sync looks at the folder."""

from __future__ import annotations

import subprocess
import sys

from lab.world import World
from tests.lab.endings import assert_settled, photo

WRITER = """
import sys
with open(sys.argv[1], "wb", buffering=0) as file:
    for half in (sys.argv[2], sys.argv[3]):
        file.write(bytes.fromhex(half))
        print("wrote", flush=True)
        sys.stdin.readline()
"""


def test_a_file_that_is_written_with_pauses(empty_world: World) -> None:
    """As long as a program has a file open and goes on writing it waits, and is told as waiting; then it arrives whole."""
    world = empty_world
    world.write("other.jpg", photo(1))
    content = photo(2, 2000)
    writer = subprocess.Popen(
        [
            *(sys.executable, "-c", WRITER, world.folder / "slow.jpg"),
            *(content[:1000].hex(), content[1000:].hex()),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdin is not None
    assert writer.stdout is not None
    try:
        for number in range(2):
            assert writer.stdout.readline() == "wrote\n"
            document = world.sync()
            assert document["counts"]["added"] == (number == 0)
            assert set(world.catalog()) == {"other.jpg"}
            assert [one["path"] for one in document["waiting"]] == ["slow.jpg"]
            writer.stdin.write("\n")
            writer.stdin.flush()
        assert writer.wait(30) == 0
    finally:
        writer.kill()
        writer.communicate()
    world.sync()
    assert world.desktop.files()["slow.jpg"] == content
    assert_settled(world)
