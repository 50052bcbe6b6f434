"""Finding by index: links, objects and stamps by path, content and handle, and the objects that have no link."""

from __future__ import annotations

import sqlite3
import unicodedata
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.model import FileStamp, FolderFile, Link, MediaObject, MediaPath
from syncd.state import Binding, State
from syncd.state.migrations import known_migrations, migrate
from tests.core import link, md5, obj

GROESSE = MediaPath.of("Größe").fold
NFD = unicodedata.normalize("NFD", "Größe/Bär.jpg")


def handles(found: Iterable[Link | MediaObject]) -> list[str]:
    """Whose they are, each as often as it was given."""
    return sorted(item.handle for item in found)


def put(state: State, *paths: str) -> None:
    """Links whose handle is their path."""
    state.put_links(link(path, path, "x") for path in paths)


def stamp(state: State, *paths: str, content: str = "x") -> None:
    """Rows of the stat cache."""
    rows = (FolderFile(MediaPath.of(path), FileStamp(1, 2, 3, 4, 5), md5(content)) for path in paths)
    state.put_stamps(rows)


# --- links --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rel", "asked"),
    [
        ("a.jpg", "a.jpg"), ("A.jpg", "a.JPG"), (NFD, "größe/BÄR.jpg"), ("Größe/Bär.jpg", NFD), ("straße", "STRASSE"),
        ("ὈΔΥΣΣΕΎΣ", "ὀδυσσεύς"), ("x'; --", "x'; --"), ("100 %_*[a].jpg", "100 %_*[A].jpg"),
    ],
)  # fmt: skip
def test_links_are_found_by_path(state: State, rel: str, asked: str) -> None:
    """In any case and form, as a disk would compare them that keeps neither apart."""
    put(state, rel, "other.jpg")
    assert handles(state.links_at([MediaPath.of(asked).fold])) == [rel]


def test_links_are_found_where_their_file_is_ahead(state: State) -> None:
    """At both places; one that is asked for at both is given once, as it was written."""
    ahead = link("h", "a.jpg", "x", moved_to="B/Bär.jpg")
    state.put_links([ahead, link("o", "o.jpg", "x")])
    for folds in (["a.jpg"], ["b/bär.jpg"], ["a.jpg", "b/bär.jpg"]):
        assert state.links_at(folds) == [ahead]
    assert state.links_at([]) == []


def test_links_are_found_below_a_folder(state: State) -> None:
    """At any depth and in any case; the folder's own name and longer ones are not below it."""
    put(state, "a/x", "A/y/z", "a/\U0010ffff", "a", "a.jpg", "ab/x", "a0/x", "b/a/x", "Ä/x", "a-/x")
    state.put_links([link("ahead", "q", "x", moved_to="a/q"), link("left", "a/r", "x", moved_to="q/r")])
    assert handles(state.links_below("a")) == ["A/y/z", "a/x", "a/\U0010ffff", "ahead", "left"]
    assert handles(state.links_below("ä")) == ["Ä/x"]
    assert state.links_below("none") == []


def test_a_link_that_moves_is_found_at_its_new_place_only(state: State) -> None:
    """What is looked up by follows what is written."""
    state.put_links([link("h", "a/old", "x", moved_to="b/new")])
    state.put_links([link("h", "b/new", "y")])
    assert state.links_at(["a/old"]) == []
    assert handles(state.links_at(["b/new"])) == ["h"]
    assert (state.links_with([md5("x")]), handles(state.links_with([md5("y")]))) == ([], ["h"])
    assert handles(state.links_below("b")) == ["h"]


def test_any_number_is_asked_for_at_once(state: State) -> None:
    """Also more than a statement of SQLite takes."""
    names = [f"{number}.jpg" for number in range(1201)]
    put(state, *names)
    state.change_objects({name: obj(name, name, name) for name in names})
    stamp(state, *names)
    assert handles(state.links_at(names)) == sorted(names)
    assert handles(state.links_of([*names, "none"])) == sorted(names)
    assert sorted(state.objects_of(names)) == sorted(names)
    assert handles(state.objects_with([md5(name) for name in names])) == sorted(names)
    assert sorted(state.stamps_of(names)) == sorted(names)
    assert len(state.links_with([md5("x"), md5("none")])) == len(names)


# --- objects and stamps -------------------------------------------------------------------------------------------


def test_objects_are_found_by_content_however_it_is_spelt(state: State) -> None:
    """Some programs write checksums in capitals, or with a blank around them."""
    checksum = md5("one")
    written = [
        checksum,
        checksum.upper(),
        f" {checksum} ",
        checksum.title(),
        md5("two"),
        "",
        "none",
        "\ud800",
    ]
    objects = {str(number): MediaObject(str(number), "x", text) for number, text in enumerate(written)}
    state.change_objects(objects)
    found = state.objects_with([checksum])
    assert handles(found) == handles(item for item in objects.values() if item.digest == checksum)
    assert handles(found) == ["0", "1", "2", "3"]


def test_some_objects_have_a_checksum(state: State) -> None:
    """They can be asked where their files are; never more than wanted."""
    state.change_objects(
        {str(number): obj(str(number), "x", "y" if number % 2 else None) for number in range(20)}
    )
    assert len(state.some_objects(5)) == 5
    assert handles(state.some_objects(50)) == sorted(str(number) for number in range(20) if number % 2)


def test_stamps_are_found(state: State) -> None:
    """By path, by folder, by content."""
    stamp(state, "a/x", "a/y/z", "a", "ab/x", "Größe/x")
    stamp(state, "other", content="other")
    assert sorted(state.stamps_of(["a", "a/x", "none"])) == ["a", "a/x"]
    assert sorted(state.stamps_below("a")) == ["a/x", "a/y/z"]
    assert sorted(state.stamps_below("Größe")) == ["Größe/x"]
    assert sorted(state.stamps_with([md5("other")])) == ["other"]
    assert state.stamps_of(["a/x"]) == {"a/x": state.stamps()["a/x"]}


def test_stored_keys_are_found(state: State) -> None:
    """With their sizes."""
    state.add_stored({md5("one"): 1, md5("two"): 2})
    assert state.stored_of([md5("two"), md5("three")]) == {md5("two"): 2}


@pytest.mark.parametrize(
    "ask",
    [
        lambda state: state.links_at(["a", "b"]),
        lambda state: state.links_below("a"),
        lambda state: state.links_of(["a"]),
        lambda state: state.links_with([md5("a")]),
        lambda state: state.objects_of(["a"]),
        lambda state: state.objects_with([md5("a")]),
        lambda state: state.stamps_of(["a"]),
        lambda state: state.stamps_below("a"),
        lambda state: state.stamps_with([md5("a")]),
        lambda state: state.stored_of([md5("a")]),
        lambda state: state.unlinked(5),
    ],
)
def test_nothing_reads_a_whole_table(state: State, ask: Callable[[State], object]) -> None:
    """Each look-up has its index: what it costs does not grow with the tree."""
    state.links_at(["complete what old links lack"])
    asked: list[str] = []
    state._connection.set_trace_callback(asked.append)
    ask(state)
    state._connection.set_trace_callback(None)
    assert asked
    for query in asked:
        plan = [str(row[3]) for row in state._connection.execute(f"EXPLAIN QUERY PLAN {query}")]
        assert plan
        assert [step for step in plan if step.startswith("SCAN") and step != "SCAN unlinked"] == []


# --- objects without a link ---------------------------------------------------------------------------------------


def test_objects_without_a_link(state: State) -> None:
    """All of them, or that there are more than wanted."""
    state.change_objects({name: obj(name, "x", "y") for name in "abcde"})
    put(state, "a", "b", "elsewhere")
    assert handles(state.unlinked(3) or ()) == ["c", "d", "e"]
    assert state.unlinked(2) is None
    state.drop_links(["a", "elsewhere"])
    state.change_objects({"c": None, "d": obj("d", "other", "y")})
    assert handles(state.unlinked(3) or ()) == ["a", "d", "e"]


HANDLES = list("abcd")
some = st.lists(st.sampled_from(HANDLES), max_size=3, unique=True)
Step = tuple[str, list[str]]
steps = st.lists(
    st.tuples(
        st.sampled_from(["link", "unlink", "change", "remove", "list", "unbind", "restore", "fail"]), some
    ),
    max_size=12,
)


def do(state: State, what: str, names: list[str]) -> None:
    """One step of what happens to a state."""
    objects = {name: obj(name, f"{name}{len(names)}", "x") for name in names}
    match what:
        case "link":
            put(state, *names)
        case "unlink":
            state.drop_links(names)
        case "change":
            state.change_objects(objects)
        case "remove":
            state.change_objects(dict.fromkeys(names))
        case "list":
            state.replace_objects(objects.values())
        case "unbind":
            state.unbind()
        case "restore":
            state.ask_restore(names)
        case _:
            with suppress(RuntimeError), state.batch():
                put(state, *names)
                state.change_objects(objects)
                raise RuntimeError


def check_unlinked(state: State) -> None:
    """The list is what it would be if it were made anew."""
    told = {row[0] for row in state._rows("SELECT handle FROM unlinked")}
    assert told == state.objects().keys() - {link.handle for link in state.links()}


@settings(max_examples=150)
@given(steps)
def test_whatever_happens_the_list_is_right(done: list[Step]) -> None:
    """Links and objects come, change and go in any order, also in transactions that are taken back."""
    with State.open(Path("/nowhere/state.sqlite"), read_only=True) as state:
        for what, names in done:
            do(state, what, names)
            check_unlinked(state)


# --- states that are older ----------------------------------------------------------------------------------------

PATHS = ["a.jpg", "A/B.JPG", "tab\there", NFD, "Größe/Bär.jpg", "straße", "x~", " ", "日本/写真.jpg"]


@pytest.fixture
def older(path: Path) -> Path:
    """A state as the version before wrote it."""
    path.parent.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrate(connection, known_migrations()[:7])
        connection.execute("BEGIN")
        for number, rel in enumerate(PATHS):
            ahead = PATHS[-1 - number] if number % 2 else None
            row = (rel, rel, rel, md5(rel), ahead)
            connection.execute(
                "INSERT INTO links (handle, named, path, checksum, inode, restore, asleep, moved_to)"
                " VALUES (?, ?, ?, ?, 0, 0, 0, ?)",
                row,
            )
        for handle in (*PATHS[:3], "alone", "Ä"):
            connection.execute("INSERT INTO objects VALUES (?, 'x', '', '', 1)", (handle,))
        connection.execute("INSERT INTO stamps VALUES ('a.jpg', 1, 2, 3, 4, 5, ?)", (md5("a"),))
        connection.execute("COMMIT")
    return path


def test_an_older_state_is_found_in_like_a_new_one(older: Path) -> None:
    """Links with names in any script, which nobody could look up by path until now."""
    with State.open(older) as state:
        links = state.links()
        assert len(links) == len(PATHS)
        for one in links:
            assert one in state.links_at([one.path.fold])
            assert one in state.links_at([one.place.fold])
            assert one in state.links_below(one.path.fold.rpartition("/")[0]) or "/" not in one.path.fold
        check_unlinked(state)
        assert handles(state.unlinked(9) or ()) == ["alone", "Ä"]
        assert sorted(state.stamps_with([md5("a")])) == ["a.jpg"]
        rows = state._rows("SELECT path, fold, moved_to, moved_fold FROM links")
        assert all(fold == MediaPath.of(rel).fold for rel, fold, _, _ in rows)
        assert all(fold == (MediaPath.of(rel).fold if rel is not None else None) for _, _, rel, fold in rows)


@pytest.mark.parametrize("first", ["links_at", "links_below"])
def test_whoever_asks_first_completes_it(older: Path, first: str) -> None:
    """Once, and not again in the same process; what is written meanwhile is complete as it is."""
    with State.open(older) as state:
        queries: list[str] = []
        getattr(state, first)(GROESSE if first == "links_below" else ["straße"])
        state._connection.set_trace_callback(queries.append)
        put(state, "ÄÖÜ.jpg")
        found = handles(state.links_at(["äöü.jpg", "strasse"]))
        below = handles(state.links_below(GROESSE))
        links = state.links()
        assert found == handles(
            one for one in links if {one.path.fold, one.place.fold} & {"äöü.jpg", "strasse"}
        )
        assert below == handles(
            one for one in links if f"{GROESSE}/bär.jpg" in {one.path.fold, one.place.fold}
        )
        assert "straße" in found
        assert "Größe/Bär.jpg" in below
        assert not any("IS NULL" in query for query in queries)


def test_the_triggers_work_in_an_older_state(older: Path, binding: Binding) -> None:
    """As in a new one."""
    with State.open(older) as state:
        state.drop_links(PATHS[:1])
        check_unlinked(state)
        put(state, "alone")
        check_unlinked(state)
        state.bind(binding)
        state.unbind()
        check_unlinked(state)
        assert state.unlinked(9) == []
