"""One cycle: observe, reconcile, guard, apply, record; repeated until nothing is left to do.

A pass settles one thing about each item (content before name, say), so a pass that changed something is followed by
another. When that one finds nothing to do, the run has *verified* that both sides agree.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from syncd.applier.ledger import Ledger
from syncd.errors import MovedOn, StopError
from syncd.guard import Circumstances, hold
from syncd.logger import Logger
from syncd.merge.neighbourhood import unfit
from syncd.model import Checksum, Problem, Stop
from syncd.model.plan import (
    Action,
    AddObject,
    Conflict,
    DeleteObject,
    Done,
    Guarded,
    HoldKind,
    Notice,
    Outcome,
    Plan,
    UpdateObject,
    Upload,
    Why,
)
from syncd.model.policy import Moment, OnWeb, Policy
from syncd.model.values import DAY_SECONDS
from syncd.observer import Arrival, Near, Observed, Observer
from syncd.outcome import counted, foreseen
from syncd.ports import Catalog, Cursor
from syncd.reconciler import Inputs, reconcile
from syncd.scanner import TooWide
from syncd.state import State
from syncd.workers import in_order

if TYPE_CHECKING:
    from syncd.applier.apply import Applier
    from syncd.applier.web import WebChanges

log = Logger(__name__)

PASSES = 6
"""Passes of one run at most. Three settle anything that stands still; what keeps changing waits for the next run."""


READERS = 4
"""Objects that are asked about at a time."""

_NO_PLACE = Problem(
    "Gramps Web has no media yet, or none with a checksum, so it does not show where it keeps them",
    'add a first file in Gramps Web, or set new_files = "add" for the first run',
)


@dataclass
class Cycle:
    """Runs passes until both sides agree.

    Args:
        tree_id: the tree, for the handles of new objects.
        applier: makes an applier for what the guard let through, writing to a ledger; the sizes are the bucket's.
        web: makes what changes Gramps Web alone.
        moment: makes the moment of a pass.
        dry_run: only say what the first pass would do.
        near: looks only at what changed, as long as that suffices; None: everything is looked at.
        rested: all was in step before what changed; so what is not looked at is known to be unchanged.
    """

    state: State
    observer: Observer
    catalog: Catalog
    policy: Policy
    tree_id: str
    applier: Callable[[Guarded, Ledger, Mapping[Checksum, int]], Applier]
    web: Callable[[Guarded, Ledger], WebChanges]
    moment: Callable[[], Moment]
    dry_run: bool = False
    near: Near | None = None
    rested: bool = False
    name: str = field(default_factory=lambda: uuid.uuid4().hex[:8])

    scope: AbstractSet[str] | None = None
    """The handles that the last pass spoke of; None: of all."""
    _notices: dict[Notice, None] = field(default_factory=dict)
    _conflicts: dict[Conflict, None] = field(default_factory=dict)
    _referrers: dict[str, Mapping[str, int]] = field(default_factory=dict)
    _is_first: bool = True
    """Whether this run began as a first contact: it stays one until its last pass."""
    _missing: frozenset[str] = frozenset()
    """Handles whose file the last pass did not find: a deletion is only believed when two looks agree."""

    _wrong: frozenset[str] = frozenset()
    """Handles for which the last pass knew that the server has another file than its record says."""
    _ledger: Ledger | None = None
    _beyond: int = 0
    """Links that the last pass did not look at, and that are known to be unchanged."""
    is_settled: bool = False
    """Whether the run ended with all of the links in step and nothing else to tell, now or the next time."""

    def run(self) -> Outcome:
        """Make passes until a plan is empty, or nothing moves any more.

        Returns:
            What was done and what is left; with `stop` when a look gave a reason to do nothing (more).

        Raises:
            ServerError: a server cannot be reached; what was done until then is recorded.
        """
        begun = time.monotonic()
        self._ledger = ledger = Ledger(self.state, self.name, self._arrival.media.sync_names)
        plan, guarded = Plan(), Guarded(Plan())
        stop: Stop | None = None
        binding = self.state.binding()
        self._is_first = binding is None or binding.first_contact
        for number in range(1, PASSES + 1):
            try:
                observed, plan, guarded = self._look_and_decide()
            except StopError as error:
                stop = Stop(error.reason, error.remedy)
                break
            self._wrong, self.scope = observed.bucket.wrong, observed.scope
            self._beyond = (
                observed.all_links - len(observed.links) if self.rested and observed.scope is not None else 0
            )
            log.debug("decided", cycle=self.name, number=number, actions=len(guarded.plan.actions))
            if self.dry_run:
                return foreseen(plan, guarded, observed.bucket.sizes, time.monotonic() - begun)
            ledger.done += observed.settled
            guarded = self._remember(plan, guarded)
            if not self._apply(guarded, ledger, observed.bucket.sizes, number):
                (self.near or self.observer).finished()
                # Goes by the cursor: what came since it was asked last may be what objects wait for.
                self.web(guarded, ledger).complete(observed.catalog.objects)
                self.is_settled = self._is_settled(observed, plan, guarded, ledger)
                break
        return replace(self._outcome(plan, guarded, ledger), stop=stop, seconds=time.monotonic() - begun)

    def _is_settled(self, observed: Observed, plan: Plan, guarded: Guarded, ledger: Ledger) -> bool:
        told = (
            plan.problems,
            plan.waiting,
            plan.notices,
            guarded.held,
            ledger.problems,
            ledger.failed,
            ledger.waiting,
        )
        return (
            not any(told)
            and not guarded.plan.actions
            and not self.observer.walked.has_mounts
            and not ledger.folder_failed
            and plan.unchanged == len(observed.links)
            and (observed.scope is None or self.rested)
        )

    @property
    def is_untouched(self) -> bool:
        """Whether this run did nothing to either side, and learnt nothing that it wrote down."""
        return self._ledger is not None and not self._ledger.steps

    @property
    def has_listed(self) -> bool:
        """Whether this run listed all objects of Gramps Web, and all keys of the bucket."""
        return self.observer.has_listed

    def so_far(self) -> Outcome:
        """What was done, of a run that did not come to its end."""
        ledger = self._ledger
        if ledger is None:
            return Outcome()
        done = tuple(ledger.done)
        return Outcome(
            actions=done,
            conflicts=tuple(self._conflicts),
            notices=self._under_way(),
            counts=counted(done, unchanged=0, waiting=0),
            bytes_up=ledger.bytes_up,
            bytes_down=ledger.bytes_down,
        )

    def _under_way(self) -> tuple[Notice, ...]:
        """What Gramps Web was asked for and gave no answer to."""
        with suppress(Exception):  # the state may be closed by now, or this another thread
            if number := 0 if self.dry_run else len(self.state.open_intents()):
                objects = "1 object" if number == 1 else f"{number:,} objects"
                text = f"Gramps Web was told of {objects} and gave no answer yet: the next run sees which it took in"
                return (Notice(text, ""),)
        return ()

    def _look_and_decide(self) -> tuple[Observed, Plan, Guarded]:
        """Observe, reconcile and guard: near what changed where that suffices, else all there is."""
        if self.near is not None:
            try:
                observed = self.near.observe()
                plan, guarded = self._decide(observed)
                reason = unfit(plan, self.policy.rules)
            except TooWide as finding:
                reason = str(finding)
            if reason is None:
                return observed, plan, guarded
            log.info("looking at everything", cycle=self.name, why=reason)
            self.near = None
        observed = self.observer.observe()
        return observed, *self._decide(observed)

    @property
    def _arrival(self) -> Arrival:
        return self.observer.arrival

    @property
    def cursor(self) -> Cursor | None:
        """Up to where Gramps Web was seen."""
        return self.near.cursor if self.near is not None else self.observer.cursor

    def _decide(self, observed: Observed) -> tuple[Plan, Guarded]:
        """Reconcile and guard: both pure."""
        moment = self.moment()
        plan = reconcile(
            Inputs(
                tree_id=self.tree_id,
                links=observed.links,
                folder=observed.folder,
                catalog=observed.catalog,
                bucket=observed.bucket,
                policy=self.policy,
                moment=moment,
                conflict_copies=self.state.conflict_copies(),
                desktop=observed.desktop,
                deleted=self.state.deleted(),
                first_contact=self._is_first,
            )
        )
        plan = replace(
            plan,
            problems=(*observed.problems, *plan.problems),
            notices=(*observed.notices, *plan.notices),
        )
        binding = self.state.binding()
        circumstances = Circumstances(
            links=observed.all_links,
            recent_deletions=self.state.deletions_since(moment.now - DAY_SECONDS),
            references=self._references(plan),
            standing=self.state.held(),
            first_contact=binding is None or binding.first_contact,
            sizes=observed.bucket.sizes,
            scope=observed.scope,
        )
        return plan, hold(plan, self.policy, circumstances)

    def _references(self, plan: Plan) -> dict[str, Mapping[str, int]]:
        """Who refers to the objects that the plan would delete."""
        if self.policy.on_web is not OnWeb.UNREFERENCED:
            return {}
        handles = [action.expected.handle for action in plan.actions if isinstance(action, DeleteObject)]
        unasked = [handle for handle in handles if handle not in self._referrers]
        # Asked once a run: the applier asks again before it deletes.
        found = in_order(self._ask_references, unasked, threads=READERS, name="references")
        self._referrers.update(zip(unasked, found, strict=True))
        return {handle: self._referrers[handle] for handle in handles}

    def _ask_references(self, handle: str) -> Mapping[str, int]:
        try:
            return self.catalog.references(handle)
        except MovedOn:
            return {}  # the object is gone: there is nothing to delete

    def _remember(self, plan: Plan, guarded: Guarded) -> Guarded:
        """Write down what is held, and give new sets their numbers."""
        held = self.state.hold(guarded.held)
        self._notices.update(dict.fromkeys(plan.notices))
        return replace(guarded, held=held)

    def _apply(self, guarded: Guarded, ledger: Ledger, sizes: Mapping[Checksum, int], number: int) -> bool:
        """Carry out a pass; True when it changed anything, or was overtaken at first, so that another is due."""
        before, steps = len(ledger.done), ledger.steps
        adds = [action for action in guarded.plan.actions if isinstance(action, AddObject)]
        if self._arrival.store is None:
            if adds:
                self._introduce(adds, guarded, ledger)
            elif any(isinstance(action, Upload | UpdateObject) for action in guarded.plan.actions):
                ledger.problems.append(_NO_PLACE)
            return bool(adds)
        actions, unsure = self._confirmed(guarded.plan.actions)
        ledger.approved = guarded.approved_deletions
        ledger.waiting.clear()
        try:
            if actions:
                self.applier(guarded, ledger, sizes).apply(actions)
        finally:
            self._remember_conflicts(guarded.plan, ledger, before)
            self._arrival.placed.update(ledger.placed)
        if not any(held.kind is HoldKind.FIRST_SYNC and not held.approved for held in guarded.held):
            self.state.first_contact_done()
        return unsure or ledger.steps > steps or (bool(ledger.waiting) and number == 1)

    def _confirmed(self, actions: Sequence[Action]) -> tuple[Sequence[Action], bool]:
        """Put off deletions in Gramps Web until a second look misses the file too, and say whether any was.

        A file that another program moves while the folder is looked through can be missed at both its names.
        """
        missing = frozenset(action.expected.handle for action in actions if isinstance(action, DeleteObject))
        unsure = missing - self._missing
        self._missing = missing
        if not unsure:
            return actions, False
        sure = [
            action
            for action in actions
            if not (isinstance(action, DeleteObject) and action.expected.handle in unsure)
        ]
        return sure, True

    def _introduce(self, adds: Sequence[AddObject], guarded: Guarded, ledger: Ledger) -> None:
        """Give an empty tree its first object; the server chooses its handle, unless Gramps Desktop has one."""
        own = [action for action in adds if not action.from_desktop]
        if not own:
            self._introduce_known(adds, guarded, ledger)
            return
        first = min(own, key=lambda action: action.file.size)
        file, item = first.file, self._arrival.introduce(first.file)
        done = [
            Done(kind, str(file.path), item.handle, file.checksum, file.size, first.why)
            for kind in ("uploaded", "added")
        ]
        try:
            self._arrival.arrive(self.catalog.location(item.handle))
        except BaseException:
            ledger.done += done
            ledger.count(up=file.size)
            raise
        ledger.note(
            *done,
            links=[replace(first.link, handle=item.handle, named=item.path)]
            if item.path == first.link.named or self.policy.found_by_path
            else [],
            stored={file.checksum: file.size},
        )
        ledger.count(up=file.size)
        ledger.flush()

    def _introduce_known(self, adds: Sequence[AddObject], guarded: Guarded, ledger: Ledger) -> None:
        """Make one of Gramps Desktop's objects, which shows where the server keeps media.

        Here alone a name comes before its bytes, which the next pass sends: who has seen no object does not know where to.
        """
        ledger.waiting.clear()
        first = [action for action in adds if not ledger.has_failed(action)][:1]
        self.web(guarded, ledger).add(first)
        ledger.flush()
        for action in first:
            if self.catalog.get(action.link.handle) is not None:
                self._arrival.arrive(self.catalog.location(action.link.handle))

    def _remember_conflicts(self, plan: Plan, ledger: Ledger, before: int) -> None:
        """Keep the conflicts that were really settled."""
        settled = {item.handle for item in ledger.done[before:] if item.why == Why.CONFLICT}
        for planned in plan.conflicts:
            conflict = replace(planned, kept_as=ledger.kept_as.get(planned.handle, planned.kept_as))
            if conflict.handle in settled and conflict not in self._conflicts:
                self._conflicts[conflict] = None
                self.state.add_conflict(conflict, time.time())

    def _outcome(self, plan: Plan, guarded: Guarded, ledger: Ledger) -> Outcome:
        told = self._wrong & {problem.handle for problem in plan.problems}
        failed = (problem for problem in ledger.failed.values() if problem.handle not in told)
        problems = dict.fromkeys((*plan.problems, *ledger.problems, *failed))
        waiting = dict.fromkeys((*plan.waiting, *ledger.waiting))
        touched = {item.handle for item in ledger.done if item.handle is not None}
        touched -= {item.handle for item in ledger.done if item.kind in {"trashed", "deleted"}}
        return Outcome(
            actions=tuple(ledger.done),
            conflicts=tuple(self._conflicts),
            problems=tuple(problems),
            waiting=tuple(waiting),
            notices=tuple(dict.fromkeys((*self._notices, *ledger.notices))),
            held=tuple(held for held in guarded.held if not held.approved),
            counts=counted(
                ledger.done,
                unchanged=max(0, plan.unchanged + self._beyond - len(touched)),
                waiting=len(waiting),
            ),
            bytes_up=ledger.bytes_up,
            bytes_down=ledger.bytes_down,
            unfinished=ledger.folder_failed,
        )
