"""What is put into each table comes out as it was, after the file was closed and opened again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.model import (
    Checksum,
    Deleted,
    Detached,
    FileStamp,
    FolderFile,
    Link,
    MediaObject,
    MediaPath,
    Proof,
    Served,
)
from syncd.model.plan import Before, Conflict, Done, Why
from syncd.model.references import Attribute, Record, Reference
from syncd.ports import Cursor
from syncd.state import Binding, Deed, Intent, State, TrashEntry

ONE = Checksum("1" * 32)
TWO = Checksum("2" * 32)
HIGHEST = (1 << 64) - 1
DECOMPOSED = "Mu\u0308ller.jpg"


def link(handle: str, path: str = "a.jpg") -> Link:
    """A plain link."""
    return Link(handle, path, MediaPath.of(path), ONE)


def test_binding_comes_back(path: Path, binding: Binding) -> None:
    """A binding is what was bound, with a bucket or without, until it is bound anew."""
    with State.open(path) as state:
        assert state.binding() is None
        state.bind(binding)
    with State.open(path) as state:
        assert state.binding() == binding
        state.bind(replace(binding, bucket=None, prefix="", permissions=frozenset()))
        found = state.binding()
    assert found is not None
    assert (found.bucket, found.permissions) == (None, frozenset())


def test_first_contact_ends(state: State, binding: Binding) -> None:
    """First contact lasts until it is said to be done."""
    state.bind(binding)
    state.first_contact_done()
    assert state.binding() == replace(binding, first_contact=False)


def test_unbind_keeps_what_belongs_to_the_folder(state: State, binding: Binding) -> None:
    """Unbinding forgets the ancestor and the server's caches; stat cache, trash, events, conflicts and intents stay."""
    state.bind(binding)
    state.put_links([link("h")])
    state.set_cursor(Cursor(1, 2.0))
    state.set_last_full(3.0)
    state.set_pending({"h": [Reference(Record.NOTE, "n")]})
    state.replace_objects([MediaObject("h", "a.jpg", ONE)])
    state.replace_stored({ONE: 1})
    state.put_stamps([FolderFile(MediaPath.of("a.jpg"), FileStamp(1, 2, 3, 4, 5), ONE)])
    state.add_trash(TrashEntry(MediaPath.of("b"), ".syncd/trash/b", ONE, 1, 2.0, "deleted"))
    state.record([Deed(Done("trashed", "b"))], cycle="c", at=2.0)
    state.add_conflict(Conflict(MediaPath.of("c"), "h", MediaPath.of("c (conflict)")), 2.0)
    state.begin("fetch")

    state.unbind()

    assert (state.binding(), state.links(), state.cursor(), state.last_full()) == (None, [], None, None)
    assert (state.objects(), state.stored(), state.pending_references()) == ({}, {}, {})
    assert len(state.stamps()) == len(state.trash()) == len(state.recent(9)) == len(state.conflicts()) == 1
    assert len(state.open_intents()) == 1


def test_links_come_back(path: Path) -> None:
    """A link keeps both names as they are spelt, the highest inode, and what was decided about it."""
    links = [
        Link("a", "C:\\Bilder\\\udcffx.jpg", MediaPath.of(DECOMPOSED), ONE, HIGHEST),
        Link("b", "", MediaPath.of("dir/😀 'q\"%.jpg"), TWO, 7, Detached.FILE_GONE, restore=True),
        Link("c", "x", MediaPath.of(DECOMPOSED), ONE, 0, Detached.OBJECT_GONE),
        Link("d", "y", MediaPath.of("y"), ONE, asleep=True),
        Link("e", "y", MediaPath.of("y"), ONE, moved_to=MediaPath.of(DECOMPOSED)),
    ]
    with State.open(path) as state:
        state.put_links(links)
    with State.open(path) as state:
        found = state.links()
    assert found == links
    assert found[0].path.text == DECOMPOSED


def test_links_are_replaced_and_dropped_by_handle(state: State) -> None:
    """A handle has one link; dropping one that is not there is no error."""
    state.put_links([link("a"), link("b")])
    state.put_links([link("a", "new.jpg")])
    state.drop_links(["b", "nobody"])
    assert state.links() == [link("a", "new.jpg")]


def test_restore_is_asked_for_links_that_exist(state: State) -> None:
    """Asking for a restoration marks the links that there are, and counts them."""
    state.put_links([link("a"), link("b")])
    assert state.ask_restore([]) == 0
    assert state.ask_restore(["a", "nobody"]) == 1
    assert [item.restore for item in state.links()] == [True, False]


@given(
    st.lists(
        st.builds(
            Link,
            handle=st.text(st.characters(codec="utf-8"), min_size=1),
            named=st.text(),
            path=st.text(st.characters(codec="utf-8"), min_size=1).map(MediaPath.of),
            checksum=st.just(ONE),
            inode=st.integers(0, HIGHEST),
            detached=st.none() | st.sampled_from(Detached),
            restore=st.booleans(),
        ),
        unique_by=lambda item: item.handle,
    )
)
def test_any_link_comes_back(links: list[Link]) -> None:
    """Whatever text a name is, proper Unicode or not, with NUL or quotes: it comes back."""
    with State.open(Path("/nonexistent/state.sqlite"), read_only=True) as state:
        state.put_links(links)
        found = {item.handle: (item, item.path.text) for item in state.links()}
    assert found == {item.handle: (item, item.path.text) for item in links}


def test_stamps_come_back(path: Path) -> None:
    """The stat cache keeps nanoseconds, negative times and unsigned inodes, under the path's key."""
    stamp = FileStamp(
        size=1 << 40, mtime_ns=-1, ctime_ns=1_800_000_000_123_456_789, inode=HIGHEST, device=1 << 63
    )
    file = FolderFile(MediaPath.of(DECOMPOSED), stamp, ONE)
    with State.open(path) as state:
        state.put_stamps([file, replace(file, path=MediaPath.of("b"))])
        state.drop_stamps(["b"])
    with State.open(path) as state:
        assert state.stamps() == {"Müller.jpg": (stamp, ONE)}


def test_objects_come_back(path: Path) -> None:
    """Objects keep raw paths and checksums, whatever they are."""
    odd = MediaObject("a", "\ud800\\x", "not an MD5 \udfff", "image/jpeg", 5)
    with State.open(path) as state:
        state.replace_objects([odd, MediaObject("b", "b", "")])
    with State.open(path) as state:
        assert state.objects() == {"a": odd, "b": MediaObject("b", "b", "")}


def test_objects_change_one_by_one_or_all_at_once(state: State) -> None:
    """Changes are laid over what is known; a listing replaces it."""
    one, two, three = (MediaObject(handle, handle, ONE) for handle in "abc")
    state.replace_objects([one, two])
    state.change_objects({"a": None, "b": replace(two, path="moved"), "c": three, "nobody": None})
    assert state.objects() == {"b": replace(two, path="moved"), "c": three}
    state.replace_objects([one, three])
    assert state.objects() == {"a": one, "c": three}


def test_stored_keys_come_and_go(state: State) -> None:
    """The bucket's keys are listed, added and dropped."""
    state.replace_stored({ONE: 5, TWO: 0})
    state.add_stored({ONE: 6})
    state.drop_stored([TWO])
    assert state.stored() == {ONE: 6}
    state.replace_stored({TWO: 1})
    assert state.stored() == {TWO: 1}


def test_what_no_object_names_is_not_believed_to_be_stored(state: State) -> None:
    """It may leave the bucket unseen: were the object brought back, its bytes would not be sent again."""
    c, odd = MediaObject("c", "c", TWO), MediaObject("d", "d", "not an MD5 \udfff")
    state.replace_objects([MediaObject("a", "a", ONE), MediaObject("b", "b", ONE.upper()), c, odd])
    state.replace_stored({ONE: 1, TWO: 2})
    state.change_objects({"a": None})
    assert state.stored() == {ONE: 1, TWO: 2}
    state.change_objects({"b": None, "c": replace(c, path="moved"), "d": None})
    assert state.stored() == {TWO: 2}
    state.change_objects({"c": replace(c, checksum=ONE)})
    assert state.stored() == {}


def test_cursor_and_last_full_come_back_exactly(path: Path) -> None:
    """The cursor must match to the last bit to be trusted."""
    cursor = Cursor(1 << 40, 1_800_000_000.123_456_7)
    with State.open(path) as state:
        assert (state.cursor(), state.last_full()) == (None, None)
        state.set_cursor(cursor)
        state.set_last_full(1.1)
    with State.open(path) as state:
        assert (state.cursor(), state.last_full()) == (cursor, 1.1)
        state.set_cursor(None)
        assert state.cursor() is None


def test_intents_stay_until_they_are_finished(path: Path) -> None:
    """An intent outlives the process; finishing takes it away, and its number is not used again."""
    with State.open(path) as state:
        first = state.begin("fetch", path="\udcff.jpg", handle="h", checksum=ONE, detail={"tmp": "ü"})
        second, third = state.begin_many([Intent("upload"), Intent("add", handle="x")])
    with State.open(path) as state:
        assert state.open_intents() == [
            Intent("fetch", "\udcff.jpg", "h", ONE, {"tmp": "ü"}, first),
            Intent("upload", id=second),
            Intent("add", handle="x", id=third),
        ]
        state.finish([first, second, third])
        assert state.open_intents() == []
        assert state.begin("again") > third


def test_no_intent_within_a_batch(state: State) -> None:
    """An intent that would wait for a batch protects nothing: a mistake of ours, found at once."""
    with pytest.raises(AssertionError), state.batch():
        state.begin("fetch")
    assert state.open_intents() == []


def test_events_are_newest_first(state: State) -> None:
    """History says what was done, when, in which cycle, why, and whether a person approved."""
    was = Before("old\udcff", "C:\\old.jpg", TWO, ".syncd/trash/2026-11-22/a")
    state.record(
        [Deed(Done("added", "a", "h", ONE, 5, "new")), Deed(Done("moved", "\udcff"), was)], cycle="c1", at=1.5
    )
    state.record([Deed(Done("deleted", "b", "h"))], cycle="c2", at=2.5, approved=frozenset({"h"}))
    newest, middle, oldest = state.recent(10)
    assert (newest.kind, newest.cycle, newest.at, newest.approved) == ("deleted", "c2", 2.5, True)
    assert (middle.path, middle.handle, middle.approved) == ("\udcff", None, False)
    assert (oldest.checksum, oldest.size, oldest.why) == (ONE, 5, "new")
    assert (oldest.before, middle.before, middle.undone) == (Before(), was, None)
    assert state.recent(1) == [newest]
    state.forget_events(2.0)
    assert state.recent(10) == [newest]


def test_deletions_count_without_the_approved(state: State) -> None:
    """The daily limit counts files trashed and objects deleted since a moment, not what a person approved."""
    state.record([Deed(Done("deleted", "old", "o"))], cycle="c", at=9.0)
    state.record(
        [
            Deed(Done("deleted", "a", "a")),
            Deed(Done("trashed", "b", "b")),
            Deed(Done("fetched", "c", "c")),
            Deed(Done("deleted", "d", "d")),
        ],
        cycle="c",
        at=10.0,
        approved=frozenset({"d"}),
    )
    assert state.deletions_since(10.0) == 2
    assert state.deletions_since(0.0) == 3
    assert state.deletions_since(11.0) == 0


def test_conflicts_are_open_until_resolved(state: State) -> None:
    """A conflict with a copy waits; told twice it is one; resolved it leaves the list of copies."""
    conflict = Conflict(MediaPath.of("a.jpg"), "h", MediaPath.of(f"dir/{DECOMPOSED}"))
    number = state.add_conflict(conflict, 5.0)
    assert state.add_conflict(conflict, 6.0) == number
    (known,) = state.conflicts()
    assert (known.path, known.handle, known.kept_as, known.at) == (conflict.path, "h", conflict.kept_as, 5.0)
    assert state.conflict_copies() == {"dir/Müller.jpg"}
    state.resolve_conflicts([number])
    assert (state.conflicts(), state.conflict_copies()) == ([], frozenset())
    assert state.conflicts(open_only=False) == [replace(known, resolved=True)]
    assert state.add_conflict(conflict, 7.0) != number


def test_a_conflict_without_a_copy_is_resolved(state: State) -> None:
    """Where the loser is in the trash, nobody needs to choose."""
    state.add_conflict(Conflict(MediaPath.of("a"), "h", None), 5.0)
    assert state.conflicts() == []
    assert len(state.conflicts(open_only=False)) == 1


def test_trash_entries_come_and_go(state: State) -> None:
    """A trash entry gets a number; the same file told twice is one entry; numbers are not used again."""
    entry = TrashEntry(MediaPath.of(DECOMPOSED), ".syncd/trash/1", None, 1 << 40, 5.0, "deleted", "h")
    kept = state.add_trash(entry)
    assert kept == replace(entry, id=kept.id)
    assert state.add_trash(replace(entry, checksum=ONE)).id == kept.id
    assert state.trash() == [replace(kept, checksum=ONE)]
    assert state.trash_entry(kept.id) == replace(kept, checksum=ONE)
    state.drop_trash([kept.id])
    assert (state.trash(), state.trash_entry(kept.id)) == ([], None)
    assert state.add_trash(entry).id != kept.id


def test_undos_belong_to_their_tree(state: State, binding: Binding) -> None:
    """A deletion is undone only in the tree in which it happened; the newest answer counts."""
    state.bind(binding)
    state.add_undo("h", "a.jpg", ONE, "[1]", 5.0)
    state.add_undo("h", "a.jpg", ONE, '["\\ud800"]', 6.0)
    state.add_undo("i", "b.jpg", None, "[2]", 7.0)
    assert [item.handle for item in state.undos()] == ["i", "h"]
    found = state.undo_for("h")
    assert found is not None
    assert (found.undo, found.at, found.checksum) == ('["\\ud800"]', 6.0, ONE)
    state.unbind()
    state.bind(replace(binding, tree_id="another"))
    assert (state.undos(), state.undo_for("h")) == ([], None)
    state.drop_undos(["h"])
    state.bind(binding)
    state.drop_undos(["i"])
    assert [item.handle for item in state.undos()] == ["h"]


def test_deletions_that_may_be_taken_back_belong_to_their_tree(state: State, binding: Binding) -> None:
    """Made on either side, newest first; not those of another tree, nor what is in the trash for another reason."""
    state.bind(binding)
    state.add_undo("h", "a.jpg", ONE, "[1]", 5.0, named="./a.jpg")
    state.add_undo("i", "b.jpg", None, "[2]", 7.0)
    entry = TrashEntry(MediaPath.of("c.jpg"), ".syncd/trash/c", TWO, 1, 6.0, Why.DELETED_OBJECT, "k")
    state.add_trash(entry)
    state.add_trash(replace(entry, kept_as=".syncd/trash/d", reason=Why.EDITED_OBJECT))
    mine = [
        Deleted("k", MediaPath.of("c.jpg"), TWO, in_web=True),
        Deleted("h", MediaPath.of("a.jpg"), ONE, "./a.jpg"),
    ]
    assert state.deleted() == mine
    state.unbind()
    state.bind(replace(binding, tree_id="another"))
    assert state.deleted() == []
    state.bind(binding)
    assert state.deleted() == mine


def test_pending_references_come_back(path: Path) -> None:
    """What an object waits for is kept, of itself and of its attributes, until something else is said of that object."""
    mine = (
        Reference(Record.CITATION, "c"),
        Reference(Record.NOTE, "n"),
        Reference(Record.NOTE, "n", Attribute(0, "Mein 'eigenes'", "a\ud800\n")),
        Reference(Record.TAG, "t"),
    )
    theirs = (Reference(Record.NOTE, "n"),)
    with State.open(path) as state:
        assert state.pending_references() == {}
        state.set_pending({"h": [*mine, mine[1]], "i": theirs})
    with State.open(path) as state:
        found = {handle: set(references) for handle, references in state.pending_references().items()}
        assert found == {"h": set(mine), "i": set(theirs)}
        state.set_pending({"h": theirs, "j": []})
        assert state.pending_references() == {"h": theirs, "i": theirs}
        state.drop_pending(["h", "nobody"])
        assert state.pending_references() == {"i": theirs}


def test_meta_and_last_outcome(path: Path) -> None:
    """Small things are remembered until they are forgotten."""
    with State.open(path) as state:
        assert (state.meta("k"), state.last_outcome()) == (None, None)
        state.set_meta("k", "v")
        state.set_last_outcome("{}")
    with State.open(path) as state:
        assert (state.meta("k"), state.last_outcome()) == ("v", "{}")
        state.set_meta("k", None)
        assert state.meta("k") is None


def test_what_the_server_serves(state: State) -> None:
    """What a server with its own disk was seen to serve comes back, odd names too, and goes when the state is unbound."""
    seen = [
        Served("h", "a.jpg", ONE, Proof.READ, 5, "Sun, 22 Nov 2026 22:11:21 GMT"),
        Served("\ud800", "\udcff.jpg", TWO, Proof.LACKING),
    ]
    state.put_served(seen)
    assert state.served() == {one.handle: one for one in seen}
    changed = Served("h", "b.jpg", TWO, Proof.WRONG, 7)
    state.put_served([changed])
    state.drop_served(["\ud800", "nobody"])
    assert state.served() == {"h": changed}
    assert not state.has_looked()
    state.set_looked()
    assert state.has_looked()
    state.unbind()
    assert state.served() == {}
    assert not state.has_looked()


def test_the_number_of_a_deletion_is_never_used_again(state: State, binding: Binding) -> None:
    """An old note of a person's never brings back another object; a new deletion of the same object is another, too."""
    state.bind(binding)
    state.add_undo("h", "a.jpg", ONE, "[1]", 5.0)
    state.add_undo("h", "a.jpg", ONE, "[1]", 6.0)
    assert [item.id for item in state.undos()] == [2]
    state.drop_undos(["h"])
    state.add_undo("i", "b.jpg", ONE, "[2]", 7.0, why=Why.EDITED_OBJECT)
    assert [(item.id, item.why) for item in state.undos()] == [(3, Why.EDITED_OBJECT)]


@pytest.mark.parametrize("number", [0, 1, 499, 500, 501, 1203])
def test_many_rows_come_whole_and_in_order(state: State, number: int) -> None:
    """They are read some at a time."""
    objects = [MediaObject(f"h{one:05}", f"{one}.jpg", "", "image/jpeg", one) for one in range(number)]
    state.replace_objects(objects)
    assert list(state.objects().values()) == objects
    assert state.object_handles() == {item.handle for item in objects}


def test_what_is_listed_replaces_what_was_seen(state: State) -> None:
    """New ones come, changed ones change, missing ones go; what is as it was is not written again."""
    one, two, three = (MediaObject(name, f"{name}.jpg", "", "image/jpeg", 1) for name in ("a", "b", "c"))
    state.replace_objects([one, two])
    changed = replace(two, path="other.jpg")
    with mock.patch.object(state, "change_objects", wraps=state.change_objects) as written:
        state.replace_objects([changed, three])
    assert written.call_args.args == ({"a": None, "b": changed, "c": three},)
    assert state.objects() == {"b": changed, "c": three}
