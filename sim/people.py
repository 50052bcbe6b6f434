"""What people do: at a desktop, in Gramps Web, and to the machines. Each deed is a method named after it."""

from __future__ import annotations

import copy
import random
from collections import Counter
from pathlib import Path

from sim import states
from sim.bucket import md5
from sim.desk import Desk, History
from sim.forms import Form
from sim.world import World

DAY = 24 * 3600

PATHS = ("a.jpg", "b.jpg", "c.jpg", "d/a.jpg", "d/b.jpg", "e/a.jpg", "ä/ö.jpg")


class People:
    """Everybody but the engine."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.hidden: dict[str, Form] = {}

    # --- at a desktop ---------------------------------------------------------------------------------------------

    @property
    def _known(self) -> History:
        return self.world.history

    def _desk(self, chance: random.Random) -> Desk | None:
        desk = chance.choice(self.world.desks)
        return desk if self.world.disks.is_folder(desk.top) and desk.away is None else None

    def _names(self, desk: Desk) -> list[str]:
        return sorted(self.world.standing(desk))

    def _can_stand(self, desk: Desk, path: str, but: str = "") -> bool:
        names = set(self._names(desk)) - {but}
        parts = path.split("/")
        above = {"/".join(parts[:end]) for end in range(1, len(parts))}
        return not above & names and not self.world.disks.is_folder(f"{desk.top}/{path}")

    def _note(self, desk: Desk, text: str, *paths: str) -> None:
        desk.hints |= set(paths)
        self.world.note(f"person at {desk.name}: {text}")

    def _put(self, desk: Desk, path: str, content: bytes, *, in_place: bool = False) -> None:
        """A file is written, or put, at a path; what stood there is overwritten."""
        former = self.world.standing(desk).get(path)
        if former is not None:
            self._share(former, content)
            self._give_up(self._known.word(former))
        if path in desk.left:
            self._known.muddled.add(desk.left[path])  # that file left its name to this one: it may be a copy
        if path.endswith("~"):
            self._known.muddled.add(self._known.word(content))  # an ignored file goes nowhere
        self.world.disks.write_file(f"{desk.top}/{path}", content, in_place=in_place)
        self._judge_places(desk)

    def _share(self, former: bytes, content: bytes) -> None:
        """Objects that share a file share its edits."""
        named = [form["checksum"] for form in self.world.web.media().values()]
        if named.count(md5(former)) > 1:
            self._known.muddled.add(self._known.word(content))

    def _lose(self, desk: Desk, path: str) -> None:
        """Whatever stands there is overwritten or deleted by somebody who has it before them."""
        content = self.world.standing(desk).get(path)
        if content is not None:
            self._give_up(self._known.word(content))

    def _give_up(self, word: str) -> None:
        """Somebody who has a content before them overwrites or deletes it.

        A desktop may have fetched it, and not written that down yet: then it is fetched again, or its file is new.
        """
        self._known.gone.add(word)
        for desk in self.world.desks:
            if desk in self.world.active:
                desk.lost.add(word)
            if desk.broken_off:
                self._known.muddled.add(word)

    def _judge_places(self, desk: Desk) -> None:
        """Contents that stand twice, or that changed places with new ones, are in several places."""
        count = Counter(self._known.word(content) for content in self.world.standing(desk).values())
        self._known.muddled |= {word for word, number in count.items() if number > 1}

    def write(self, chance: random.Random) -> None:
        """A person adds a file or edits one."""
        desk, path = self._desk(chance), chance.choice(PATHS)
        if desk is not None and self._can_stand(desk, path):
            content = self._known.write()
            self._note(desk, f"writes {path}: {self._known.word(content)}", path)
            self._put(desk, path, content, in_place=chance.random() < 0.3)

    def edit(self, chance: random.Random) -> None:
        """A person edits a file."""
        desk = self._desk(chance)
        names = self._names(desk) if desk else []
        if desk and names:
            path, content = chance.choice(names), self._known.write()
            self._note(desk, f"edits {path}: {self._known.word(content)}", path)
            self._put(desk, path, content, in_place=chance.random() < 0.5)

    def write_on_all(self, chance: random.Random) -> None:
        """The same new file comes to all desktops at once."""
        path = chance.choice(PATHS)
        takers = [
            desk
            for desk in self.world.desks
            if desk.away is None
            and self.world.disks.is_folder(desk.top)
            and self._can_stand(desk, path)
            and path not in self._names(desk)
        ]
        if not takers:
            return
        content = self._known.write()
        self._known.muddled.add(self._known.word(content))
        for desk in takers:
            self._note(desk, f"gets {path}: {self._known.word(content)}", path)
            self._put(desk, path, content)

    def rename(self, chance: random.Random) -> None:
        """A person moves a file, perhaps over another."""
        desk, to = self._desk(chance), chance.choice(PATHS)
        names = self._names(desk) if desk else []
        if desk and names and (path := chance.choice(names)) != to and self._can_stand(desk, to, but=path):
            standing = self.world.standing(desk)
            self._lose(desk, to)
            if to in standing or any(form["path"] == to for form in self.world.web.media().values()):
                # It may count as an edit of the file, or the object, whose name it takes.
                self._known.muddled.add(self._known.word(standing[path]))
            self._note(desk, f"moves {path} to {to}", path, to)
            self._muddle_unsynced(desk, [path, to])
            desk.left[path] = self._known.word(standing[path])
            self.world.disks.move(f"{desk.top}/{path}", f"{desk.top}/{to}")

    def swap(self, chance: random.Random) -> None:
        """Two files change places."""
        desk = self._desk(chance)
        names = self._names(desk) if desk else []
        if desk and len(names) > 1:
            one, other = chance.sample(names, 2)
            self._note(desk, f"swaps {one} and {other}", one, other)
            self._muddle_unsynced(desk, [one, other])
            self.world.disks.swap(f"{desk.top}/{one}", f"{desk.top}/{other}")

    def rename_folder(self, chance: random.Random) -> None:
        """A person renames a folder."""
        desk = self._desk(chance)
        source, to = chance.choice(("d", "e", "ä")), chance.choice(("d", "e", "f"))
        disks = self.world.disks
        if desk and disks.is_folder(f"{desk.top}/{source}") and not disks.exists(f"{desk.top}/{to}"):
            self._note(desk, f"renames {source} to {to}", source, to)
            desk.left |= {
                path: self._known.word(content)
                for path, content in self.world.standing(desk).items()
                if path.startswith(f"{source}/")
            }
            disks.move(f"{desk.top}/{source}", f"{desk.top}/{to}")

    def copy(self, chance: random.Random) -> None:
        """A person copies a file."""
        desk, to = self._desk(chance), chance.choice(PATHS)
        names = self._names(desk) if desk else []
        if desk and names and (path := chance.choice(names)) != to and self._can_stand(desk, to):
            content = self.world.standing(desk)[path]
            self._known.muddled.add(self._known.word(content))
            self._note(desk, f"copies {path} to {to}", to)
            self._put(desk, to, content)

    def save_like_an_editor(self, chance: random.Random) -> None:
        """The old file becomes `a.jpg~`, a new one takes its name."""
        desk = self._desk(chance)
        names = [name for name in self._names(desk) if not name.endswith("~")] if desk else []
        if desk and names and f"{(path := chance.choice(names))}~" not in self._names(desk):
            content = self._known.write()
            former = self.world.standing(desk)[path]
            self._share(former, content)
            self._known.muddled.add(self._known.word(former))
            self._note(desk, f"saves {path} with a backup: {self._known.word(content)}", path, f"{path}~")
            self.world.disks.move(f"{desk.top}/{path}", f"{desk.top}/{path}~")
            self._put(desk, path, content)

    def delete(self, chance: random.Random) -> None:
        """A person deletes a file: often the one that has just arrived."""
        desk = self._desk(chance)
        names = self._names(desk) if desk else []
        if desk and names:
            youngest = max(names, key=lambda name: self.world.disks.at(f"{desk.top}/{name}").ctime_ns)
            path = chance.choice([youngest, chance.choice(names)])
            self._lose(desk, path)
            self._note(desk, f"deletes {path}", path)
            self.world.disks.remove(f"{desk.top}/{path}")

    def delete_many(self, chance: random.Random) -> None:
        """A person deletes nearly all."""
        desk = self._desk(chance)
        names = self._names(desk) if desk else []
        for path in names[1:] if desk else []:
            assert desk is not None
            self._lose(desk, path)
            self._note(desk, f"deletes {path}", path)
            self.world.disks.remove(f"{desk.top}/{path}")

    def put_back(self, chance: random.Random) -> None:
        """A person takes a file out of the trash by hand."""
        desk, path = self._desk(chance), chance.choice(PATHS)
        trash = self.world.trash(desk) if desk else {}
        if desk and trash and self._can_stand(desk, path) and path not in self._names(desk):
            kept = chance.choice(sorted(trash))
            word = self._known.word(trash[kept])
            self._known.muddled.add(word)
            self._known.gone.discard(word)
            self._note(desk, f"puts {kept} back as {path}", path)
            self.world.disks.move(f"{desk.top}/{kept}", f"{desk.top}/{path}")

    def touch_all(self, chance: random.Random) -> None:
        """A program gives all files new times."""
        desk = self._desk(chance)
        if desk:
            self._note(desk, "touches all", *self._names(desk))
            for path in self._names(desk):
                inode = self.world.disks.at(f"{desk.top}/{path}")
                self.world.disks._touch(inode)  # noqa: SLF001 - utime(2)

    def _muddle_unsynced(self, desk: Desk, names: list[str]) -> None:
        """Where a new content changes places with another, it is an edit to some, and a copy to others."""
        standing = self.world.standing(desk)
        named = {form["checksum"] for form in self.world.web.media().values()}
        words = {self._known.word(standing[name]) for name in names if name in standing}
        if len(words) > 1 or any(md5(standing[name]) not in named for name in names if name in standing):
            self._known.muddled |= words

    # --- in Gramps Web --------------------------------------------------------------------------------------------

    def _object(self, chance: random.Random) -> str | None:
        handles = sorted(self.world.web.media())
        return chance.choice(handles) if handles else None

    def _store(self, handle: str, content: bytes) -> None:
        web = self.world.web
        web.stored(md5(content), content, web.media()[handle]["path"])

    def web_add(self, chance: random.Random) -> None:
        """A person uploads a file in Gramps Web, under their own name for it or the server's."""
        content = self._known.write()
        path = chance.choice(PATHS) if chance.random() < 0.6 else f"{md5(content)}.jpg"
        if self.world.web.bucket is None and path in self.world.web.kept.files:
            path = f"{md5(content)}.jpg"
        handle = self.world.web.add(path, md5(content), tell=chance.random() < 0.8)
        self._store(handle, content)
        self.world.note(f"person in Gramps Web: adds {handle} {path}: {self._known.word(content)}")

    def web_edit(self, chance: random.Random) -> None:
        """A person replaces the file of an object; the server names it."""
        handle = self._object(chance)
        if handle is not None:
            old = self.world.web.media()[handle]
            self._give_up(self._known.by_checksum.get(old["checksum"], ""))
            content = self._known.write()
            self.world.web.change(handle, path=f"{md5(content)}.jpg", checksum=md5(content))
            self._store(handle, content)
            self.world.note(f"person in Gramps Web: replaces {handle}: {self._known.word(content)}")

    def web_rename(self, chance: random.Random) -> None:
        """A person gives an object another path."""
        handle, path = self._object(chance), chance.choice(PATHS)
        if handle is not None and self.world.web.bucket is not None:
            self.world.note(f"person in Gramps Web: names {handle} {path}")
            self.world.web.change(handle, path=path)

    def web_swap(self, chance: random.Random) -> None:
        """Two objects change names."""
        one, other = self._object(chance), self._object(chance)
        if one is not None and other is not None and self.world.web.bucket is not None:
            objects = self.world.web.media()
            first, second = objects[one]["path"], objects[other]["path"]
            self.world.note(f"person in Gramps Web: swaps {one} and {other}")
            self.world.web.change(one, path=second)
            self.world.web.change(other, path=first)

    def web_describe(self, chance: random.Random) -> None:
        """A person writes a caption."""
        handle = self._object(chance)
        if handle is not None:
            self.world.note(f"person in Gramps Web: describes {handle}")
            self.world.web.change(handle, desc=f"caption {chance.randrange(100)}")

    def web_delete(self, chance: random.Random) -> None:
        """A person deletes an object."""
        handle = self._object(chance)
        if handle is not None:
            form = self.world.web.media()[handle]
            self.hidden.pop(handle, None)  # made anew while the server hid it: now it is gone for good
            self._give_up(self._known.by_checksum.get(form["checksum"], ""))
            self.world.references = [one for one in self.world.references if one[1] != handle]
            self.world.note(f"person in Gramps Web: deletes {handle} {form['path']}")
            self.world.web.delete(handle)

    def web_refer(self, chance: random.Random) -> None:
        """A person of the tree gets a picture."""
        handle, person = self._object(chance), f"I{chance.randrange(3)}"
        if handle is not None and person not in self.world.web.referrers(handle):
            self.world.web.refer(person, handle)
            self.world.references.append((person, handle))
            self.world.note(f"person in Gramps Web: {person} refers to {handle}")

    # --- to the machines ------------------------------------------------------------------------------------------

    def web_restart(self, _chance: random.Random) -> None:
        """All logins are void."""
        self.world.web.restart()

    def server_backup(self, _chance: random.Random) -> None:
        """A backup of the server is made; what it does not show is in it."""
        kept = self.world.web.backup()
        kept.objects = {**copy.deepcopy(self.hidden), **kept.objects}
        self.world.server_backup = (kept, dict(self.world.bucket.stored))

    def server_restore(self, _chance: random.Random) -> None:
        """The server is restored from it; the bucket stays."""
        world = self.world
        if world.server_backup is None:
            return
        world.hit("server restored")
        world.note("the server is restored from its backup")
        before = {form["checksum"] for form in {**self.hidden, **world.web.media()}.values()}
        self.hidden = {}
        world.web.restore(world.server_backup[0])
        after = {form["checksum"] for form in world.web.media().values()}
        known = world.history
        known.clean = False
        # What only Gramps Web had since then, whoever restored it has given up.
        known.gone |= {known.by_checksum.get(checksum, "") for checksum in before - after}
        known.muddled |= {known.by_checksum.get(checksum, "") for checksum in before ^ after}
        world.references = [
            (person, handle) for person, handle in world.references if person in world.web.referrers(handle)
        ]

    def other_tree(self, _chance: random.Random) -> None:
        """The address shows another tree for a while."""
        self.world.web.tree_id = "another"

    def lost_rights(self, _chance: random.Random) -> None:
        """The account no longer sees what is private."""
        self.world.web.rights = ("AddObject", "EditObject", "DeleteObject")
        self.world.web.restart()

    def other_bucket(self, chance: random.Random) -> None:
        """The server's settings name another place for media."""
        if self.world.web.bucket is not None:
            self.world.web.prefix = chance.choice(("elsewhere/", f"{self.world.tree_id}/"))

    def hide_objects(self, _chance: random.Random) -> None:
        """The server says that there are no media objects at all, until it is mended."""
        web, known = self.world.web, self.world.history
        if not self.hidden and web.kept.objects:
            self.hidden, web.kept.objects = web.kept.objects, {}
            known.muddled |= {known.by_checksum.get(form["checksum"], "") for form in self.hidden.values()}
            self.world.note("Gramps Web shows no media")

    def rename_host(self, chance: random.Random) -> None:
        """A computer gets another name."""
        desk = chance.choice(self.world.desks)
        self.world.stop_daemon(desk)
        desk.host = f"{desk.name}-renamed"

    def point_elsewhere(self, chance: random.Random) -> None:
        """The settings name another folder: a copy, an empty one, or one inside."""
        desk = self._desk(chance)
        if desk is None or desk.usual is not None:
            return
        disks, where = self.world.disks, chance.choice(("copy", "empty", "inside"))
        self.world.stop_daemon(desk)
        other = f"{desk.top}/d" if where == "inside" else f"{desk.top}-{where}"
        if where == "copy":
            disks.make_folders("/sim")
            if disks.exists(other):
                disks.detach(other)
            disks.attach(other, disks.copy_tree(disks.at(desk.top)))
        elif not disks.is_folder(other):
            if disks.exists(other):
                return
            disks.make_folders(other)
        self.world.note(f"{desk.name}: the settings name {other}")
        desk.usual, desk.settings = desk.settings, desk.settings.model_copy(update={"media_dir": Path(other)})

    def nest(self, chance: random.Random) -> None:
        """Somebody copies a whole media folder into another."""
        desk = self._desk(chance)
        if desk is not None and self.world.disks.is_folder(f"{desk.top}/.syncd"):
            disks = self.world.disks
            nested = disks.copy_tree(disks.at(f"{desk.top}/.syncd"))
            disks.make_folders(f"{desk.top}/nested")
            if not disks.exists(f"{desk.top}/nested/.syncd"):
                disks.attach(f"{desk.top}/nested/.syncd", nested)
                self.world.note(f"{desk.name}: a media folder in the media folder")

    def unmount(self, chance: random.Random) -> None:
        """The media folder's disk is pulled out; an empty folder is left."""
        desk = chance.choice(self.world.desks)
        if desk.away is None and self.world.disks.is_folder(desk.top):
            self.world.stop_daemon(desk)
            desk.away = self.world.disks.detach(desk.top)
            if chance.random() < 0.7:
                self.world.disks.make_folders(desk.top)
            self.world.note(f"{desk.name}: unmounted")

    def copied_folder(self, chance: random.Random) -> None:
        """Another desktop's media folder, marker and all, is copied over this one's."""
        if len(self.world.desks) > 1:
            one, other = chance.sample(self.world.desks, 2)
            if one.away is None and other.away is None and self.world.disks.is_folder(other.top):
                self.world.stop_daemon(one)
                copy = self.world.disks.copy_tree(self.world.disks.at(other.top))
                one.away = self.world.disks.detach(one.top)
                self.world.disks.attach(one.top, copy)
                self.world.note(f"{one.name} has a copy of {other.name}'s folder")

    def lose_state(self, chance: random.Random) -> None:
        """A state file is deleted."""
        states.lose_state(self.world, chance.choice(self.world.desks))

    def keep_state(self, chance: random.Random) -> None:
        """A state file is copied by a backup program."""
        states.keep_state(self.world, chance.choice(self.world.desks))

    def roll_state_back(self, chance: random.Random) -> None:
        """A state file is put back."""
        states.roll_state_back(self.world, chance.choice(self.world.desks))

    def damage_state(self, chance: random.Random) -> None:
        """A state file is damaged."""
        states.damage_state(self.world, chance.choice(self.world.desks))

    def approve(self, chance: random.Random) -> None:
        """A person approves all that waits."""
        states.approve(self.world, chance.choice(self.world.desks))

    def time_passes(self, chance: random.Random) -> None:
        """Seconds, hours or days go by."""
        self.world.clock.pass_by(chance.choice((1, 60, 3600, DAY, 3 * DAY)))

    def mend(self) -> None:
        """Whatever was done to the machines is undone; what cannot be undone stays."""
        world = self.world
        world.web.tree_id = world.tree_id
        if world.web.rights != (rights := ("ViewPrivate", "AddObject", "EditObject", "DeleteObject")):
            world.web.rights = rights
            world.web.restart()
        world.web.prefix = ""
        world.web.kept.objects = {**self.hidden, **world.web.kept.objects}
        self.hidden = {}
        for desk in world.desks:
            if desk.host or desk.usual is not None:
                world.stop_daemon(desk)
            desk.host, desk.settings, desk.usual = "", desk.usual or desk.settings, None
            if desk.away is None and world.disks.exists(f"{desk.top}/nested/.syncd"):
                world.disks.detach(f"{desk.top}/nested/.syncd")
            if desk.away is not None:
                world.stop_daemon(desk)
                if world.disks.exists(desk.top):
                    world.disks.detach(desk.top)
                world.disks.attach(desk.top, desk.away)
                desk.away = None
                world.note(f"{desk.name}: mounted again")
