"""Rights in the folder: what the account that runs syncd may not read or write is told with the command that mends it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from lab.world import World, md5
from tests.lab.endings import assert_settled, photo
from tests.lab.scenario import change_on_web
from tests.lab.unprivileged import hand_over, nobodys_desktop


def mend(remedy: str, folder: Path) -> None:
    """Run the command that a remedy names, where it says."""
    found = re.search(r"chmod \S+ .+?(?=,? \(?or let syncd|$)", remedy)
    assert found, remedy
    subprocess.run(found[0], shell=True, check=True, cwd=folder)


def test_files_and_folders_without_rights(empty_world: World) -> None:
    """Chmod 000 on a file, on a folder, and a folder that may not be written: nothing is deleted, the rest goes on.

    The command that each problem names mends it.
    """
    world = empty_world
    with nobodys_desktop(world) as desktop:
        for number, path in enumerate(("a.jpg", "shut/b.jpg", "shut/c.jpg", "kept/d.jpg")):
            desktop.write(path, photo(number))
        hand_over(desktop)
        desktop.sync()
        handles = {path: item["handle"] for path, item in world.api.by_path().items()}
        desktop.write("new.jpg", photo(5))
        desktop.write("secret.jpg", photo(6))
        change_on_web(world, handles["kept/d.jpg"], photo(7))
        hand_over(desktop)
        for path, mode in (("a.jpg", 0), ("secret.jpg", 0), ("shut", 0), ("kept", 0o555)):
            (desktop.folder / path).chmod(mode)
        document = desktop.sync("--full", code=1)
        remedies = {problem["path"]: problem["remedy"] for problem in document["problems"]}
        assert remedies.keys() == {"a.jpg", "secret.jpg", "shut", "kept/d.jpg"}
        assert world.catalog().keys() == {*handles, "new.jpg"}
        assert desktop.files()["kept/d.jpg"] == photo(3)
        for remedy in remedies.values():
            mend(remedy, desktop.folder)
        desktop.sync()
        assert desktop.files()["kept/d.jpg"] == photo(7)
        assert world.catalog()["secret.jpg"] == md5(photo(6))
        assert_settled(world, desktop)


def test_the_media_folder_without_rights(empty_world: World) -> None:
    """Of the whole folder nothing can be seen: a run does nothing on either side, nor does one that may not write there."""
    world = empty_world
    with nobodys_desktop(world) as desktop:
        desktop.write("a.jpg", photo(1))
        hand_over(desktop)
        desktop.sync()
        world.api.create("web.jpg", photo(2))
        mark = world.mark()
        desktop.folder.chmod(0)
        assert "Permission denied" in desktop.sync(code=3)["error"]["reason"]
        desktop.folder.chmod(0o555)
        (problem,) = desktop.sync(code=1)["problems"]
        mark.assert_nothing_written()
        mend(problem["remedy"], desktop.folder)
        desktop.sync()
        assert_settled(world, desktop)
