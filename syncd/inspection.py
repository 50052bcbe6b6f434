"""What `syncd paths` looks at: the objects of Gramps Web and the names in the media folder. Nothing is changed.

No lock is taken and no file is read: the state, looked at in a copy, tells what is linked and which contents are known.
"""

from __future__ import annotations

from contextlib import closing

from syncd import doorstep
from syncd.config import Settings, check_media_dir
from syncd.guard import missing_folder_stop, raise_stop
from syncd.ignore import IgnoreRules, is_ours
from syncd.merge.survey import Survey, survey
from syncd.model import BucketSnapshot
from syncd.model.policy import Moment
from syncd.reconciler import Inputs
from syncd.scanner import look
from syncd.state import State


def survey_paths(settings: Settings) -> Survey:
    """Look at all paths on both sides.

    Raises:
        SyncdError: the state, the media folder or Gramps Web cannot be looked at.
    """
    with State.open(settings.state_file, read_only=True) as state:
        binding, links, known = state.binding(), tuple(state.links()), state.stamps()
    if binding is None:
        check_media_dir(settings)
    elif not settings.media_dir.is_dir():
        raise_stop(missing_folder_stop(settings.media_dir))
    ignored = IgnoreRules.load(settings.media_dir, settings.ignore)
    with closing(doorstep.open_catalog(settings)) as catalog:
        tree_id = catalog.connect().tree_id
        objects = catalog.list()[0]
    if binding is not None and binding.tree_id != tree_id:
        links = ()  # of another tree
    inputs = Inputs(
        tree_id=tree_id,
        links=links,
        folder=look(settings.media_dir, known, ignored),
        catalog=objects,
        bucket=BucketSnapshot({}),
        policy=settings.policy(lambda path: not is_ours(path) and ignored.matches(path)),
        moment=Moment(0, "", ""),
    )
    return survey(inputs)
