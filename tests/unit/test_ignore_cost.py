"""Patterns that are made to take long take no time, and mean what git means by them."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pathspec import GitIgnoreSpec

from syncd.errors import FolderError
from syncd.ignore import IgnoreRules, _linear
from syncd.model import MediaPath

patterns = st.lists(
    st.sampled_from(("*", "*", "**", "**/", "/**", "/", "?", "a", "b", "[ab]", "[!a]", "ab")),
    min_size=1,
    max_size=7,
).map("".join)
names = st.lists(st.text("abc", min_size=1, max_size=3), min_size=1, max_size=6).map("/".join)
"""As a folder has them: no part is empty."""


@settings(max_examples=400, deadline=None)
@example("*[!a]*?", ["b/a"])
@given(patterns, st.lists(names, min_size=1, max_size=6))
def test_it_means_the_same(pattern: str, given_names: list[str]) -> None:
    """The expression that is quick matches the same names as pathspec's own, whose `[!a]` may be a slash: git's may not."""
    try:
        (read,) = GitIgnoreSpec.from_lines([pattern]).patterns
    except (ValueError, re.error):
        return
    if read.regex is None:
        return
    quick = _linear(read.regex)
    meant = re.compile(read.regex.pattern.replace("[^a]", "[^a/]"))
    for name in given_names:
        found, wanted = quick.search(name), meant.search(name)
        assert (found is None) == (wanted is None), (name, quick.pattern, meant.pattern)


@pytest.mark.parametrize(
    "pattern",
    ["*a" * 60 + "*b", "**/a/" * 40 + "b", "a*?" * 60 + "[!a]", "*" * 200 + "b", "/**/a*" * 30 + "/b"],
)
def test_no_pattern_takes_long(tmp_path: Path, pattern: str) -> None:
    """The worst names for the worst patterns are compared at once."""
    (tmp_path / ".syncdignore").write_text(pattern)
    rules = IgnoreRules.load(tmp_path, [])
    begun = time.thread_time()
    for name in ("a" * 255, "a/" * 1500 + "c", ("a" * 250 + "/") * 12 + "c"):
        rules.matches_text(MediaPath.of(name).key, is_dir=False)
    assert time.thread_time() - begun < 1


@pytest.mark.parametrize(
    "content", ["a\n" * 3000, "a" * 5000, "*" * (2 << 20)], ids=["many", "long", "large"]
)
def test_a_list_beyond_measure(tmp_path: Path, content: str) -> None:
    """A list of ignored names that nobody wrote by hand is refused with what to do about it."""
    (tmp_path / ".syncdignore").write_text(content)
    with pytest.raises(FolderError) as caught:
        IgnoreRules.load(tmp_path, [])
    assert caught.value.remedy
