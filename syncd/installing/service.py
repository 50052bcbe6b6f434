"""The units of one service, brought to this account's systemd and taken from it.

Invariants:
- Nothing is written before it is known that the configuration is good and that nothing of a person's is in the way.
- A unit that a person wrote or changed is neither overwritten nor removed.
- Doing it twice is doing it once; a service that already runs as it should is not disturbed.
- Of one that stays and one that a timer starts, there is one at a time.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from syncd.config import Settings, load_settings
from syncd.config.credentials import CREDENTIALS_SUFFIX
from syncd.config.sources import absolute, find_file
from syncd.errors import ConfigError
from syncd.installing.found import found_units, is_same
from syncd.installing.manager import Manager, Standing
from syncd.installing.units import CREDENTIALS, INSTANCE, Facts, Service, is_ours, written
from syncd.model.paths import is_text

OURS = ("SYNCD_", "AWS_", "GRAMPSWEB_")
"""Beginnings of variables that say something to syncd."""


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for.

    Args:
        program: `syncd`, absolute.
        config: the configuration that was named; None: none was.
        instance: the name that was given; None: none was.
        timer: a run every five minutes instead of one that stays.
    """

    program: Path
    config: Path | None = None
    instance: str | None = None
    timer: bool = False


@dataclass(frozen=True, slots=True)
class Removed:
    """What an `uninstall` did.

    Args:
        stopped: the units that were stopped and disabled.
        files: the units that are gone.
        kept: those that stay, because a person wrote or changed them.
        others: instances that are still installed.
    """

    stopped: Sequence[str]
    files: Sequence[Path]
    kept: Sequence[Path]
    others: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Installed:
    """What an `install` did.

    Args:
        unit: the unit that is enabled.
        files: its files.
        changed: whether any of them was written.
        up: whether it is there, by systemd's word.
        standing: how it is.
        lingers: whether it runs while nobody is logged in.
        last_words: what it wrote, if it did not come up.
        before: what went for it: the same service in the other way.
        unseen: variables of the caller's that say something to syncd, and that the service does not see.
    """

    unit: str
    files: Sequence[Path]
    changed: bool
    up: bool
    standing: Standing
    lingers: bool
    last_words: Sequence[str]
    before: Removed
    unseen: Sequence[str]
    config: Path | None
    """The configuration that it names."""
    reloaded: bool
    """Whether it ran already, and was told to read its configuration again."""


def install(order: Order, manager: Manager, environ: Mapping[str, str]) -> Installed:
    """Write the units, enable and start them, and see that they come up.

    Raises:
        ConfigError: the configuration is not good, or a person's unit is in the way; nothing was changed.
        ServiceError: systemd does not do what it is asked.
    """
    service, config = _which(order, manager, environ)
    settings = _settings(config, manager, environ)
    facts = _facts(order.program, config, manager)
    texts = {manager.folder / name: written(service, name, facts) for name in service.units}
    _see_that_nothing_is_in_the_way(list(texts), service)
    _see_that_no_other_has_it(service, settings, manager)
    unit = service.units[0]
    changed = {path: text for path, text in texts.items() if _text_of(path) != text}
    before = _take_away(service.other, manager)
    for path, text in changed.items():
        _write(path, text)
    if changed or before.files:
        manager.reload()
    runs = manager.standing(unit).active in ("active", "activating", "reloading")
    started = time.time()
    up = manager.start(unit, again=bool(changed) and runs)
    reloaded = runs and not changed and not service.timer
    if reloaded:
        manager.have_read_again(unit)
    standing = manager.settled(unit) if up and not service.timer else manager.standing(unit)
    up = up and standing.active in ("active", "reloading")
    return Installed(
        unit,
        list(texts),
        changed=bool(changed),
        up=up,
        standing=standing,
        lingers=manager.lingers,
        last_words=() if up else manager.last_words(unit, started),
        before=before,
        unseen=_missed_variables(config, settings, manager, environ),
        config=config,
        reloaded=reloaded,
    )


def uninstall(order: Order, manager: Manager, environ: Mapping[str, str]) -> Removed:
    """Stop and disable a service, in whichever way it was installed, and remove the units that were written for it."""
    service, _ = _which(order, manager, environ, to_remove=True)
    both = [_take_away(one, manager) for one in (service, service.other)]
    if any(one.files for one in both):
        manager.reload()
    return Removed(
        stopped=[unit for one in both for unit in one.stopped],
        files=[path for one in both for path in one.files],
        kept=[path for one in both for path in one.kept],
        others=_instances(manager.folder),
    )


def _which(
    order: Order, manager: Manager, environ: Mapping[str, str], *, to_remove: bool = False
) -> tuple[Service, Path | None]:
    """The service that is meant, and the configuration to name to it.

    Without any name it is the service of the configuration that syncd finds by itself. A file that is named is another
    pair of folder and tree, called like the file.

    Raises:
        ConfigError: the name will not do.
    """
    named = order.config or (Path(environ["SYNCD_CONFIG"]) if environ.get("SYNCD_CONFIG") else None)
    usual = manager.folder.parents[1] / "syncd" / "syncd.toml"
    config = None if named is None else Path(absolute(str(named), Path.cwd(), environ))
    if order.instance is None and config is None:
        return Service(timer=order.timer), None if to_remove else _only_found_here(manager, environ)
    if order.instance is None and config is not None and is_same(config, usual):
        return Service(timer=order.timer), None
    instance = order.instance
    if instance is None:
        assert config is not None
        instance = config.stem
        if not INSTANCE.fullmatch(instance):
            raise ConfigError(
                f"{config.name} is no name for a service",
                "give it one of letters, digits, - and _ with --name",
            )
    if config is None:
        config = usual.with_name(f"{instance}.toml")
        if not to_remove and not config.exists():
            raise ConfigError(
                f"there is no configuration {config}", "write it, or name another file with --config"
            )
    if not (str(config).isprintable() and is_text(str(config))):
        raise ConfigError(
            "the name of the configuration file is no proper text, and systemd takes none but that",
            "rename it",
        )
    return Service(instance, order.timer), config


def _only_found_here(manager: Manager, environ: Mapping[str, str]) -> Path | None:
    """The configuration that syncd finds when it is called here, if it would find another one as a service.

    Raises:
        ConfigError: there is none.
    """
    here = find_file(None, environ)
    try:
        there = find_file(None, manager.variables)
    except ConfigError:
        there = None
    return None if here is None or (there is not None and is_same(here, there)) else here


def _settings(config: Path | None, manager: Manager, here: Mapping[str, str]) -> Settings:
    """The configuration, as a service will see it.

    Raises:
        ConfigError: it is not good for one.
    """
    try:
        return load_settings(config, manager.variables)
    except ConfigError as error:
        unseen = unseen_variables(manager, here)
        if not unseen:
            raise
        told = f"{error.remedy}; a service does not see what your shell sets ({', '.join(unseen)}): write it into the file"
        raise ConfigError(error.reason, told) from error


def _facts(program: Path, config: Path | None, manager: Manager) -> Facts:
    """What the units need to know."""
    source = config or find_file(None, manager.variables)
    secrets = (source or Path("/nowhere/syncd.toml")).with_suffix(CREDENTIALS_SUFFIX)
    found = [name for name in CREDENTIALS if os.access(secrets / name, os.R_OK)]
    return Facts(program, config, secrets, found, manager.version)


def _see_that_no_other_has_it(service: Service, settings: Settings, manager: Manager) -> None:
    """Two services for one folder or one state would only get in each other's way.

    Raises:
        ConfigError: another one has either.
    """
    mine = {*service.units, *service.other.units}
    for other in found_units(manager.folder):
        if other.path.name in mine:
            continue
        try:
            theirs = load_settings(other.config, manager.variables)
        except ConfigError:
            continue
        if is_same(settings.media_dir, theirs.media_dir):
            what = f"the folder {settings.media_dir}"
        elif is_same(settings.state_file, theirs.state_file):
            what = f"the state in {settings.state_file.parent}"
        else:
            continue
        raise ConfigError(
            f"{other.unit} has {what} already; nothing was done",
            f"one service for each pair of folder and tree: give this one a media_dir and a state_dir of its own, or take "
            f"the other away with: {other.uninstall}",
        )


def unseen_variables(manager: Manager, environ: Mapping[str, str]) -> Sequence[str]:
    """Variables that say something to a syncd that is called here, but not to one that systemd starts."""
    return sorted(
        name
        for name, value in environ.items()
        if name.startswith(OURS) and name != "SYNCD_CONFIG" and manager.variables.get(name) != value
    )


def _missed_variables(
    config: Path | None, settings: Settings, manager: Manager, environ: Mapping[str, str]
) -> Sequence[str]:
    """Those of them with which the service would work with other settings."""
    unseen = unseen_variables(manager, environ)
    try:
        seen = load_settings(config, {**manager.variables, **{name: environ[name] for name in unseen}})
    except ConfigError:
        return unseen
    return unseen if seen != settings else ()


def _see_that_nothing_is_in_the_way(paths: Sequence[Path], service: Service) -> None:
    foreign = [path for path in paths if _is_foreign(path)]
    if foreign:
        option = f" --name {service.instance}" if service.instance else ""
        what = "was" if len(foreign) == 1 else "were"
        raise ConfigError(
            f"{', '.join(map(str, foreign))} {what} not written by syncd, or changed since; nothing was done",
            f"keep what you want of it in a drop-in (systemctl --user edit {foreign[0].name}), delete the file, then "
            f"run syncd install-service{option} again",
        )


def _take_away(service: Service, manager: Manager) -> Removed:
    """Stop and disable what there is of a service, and remove what `install` wrote of it."""
    there = [path for name in service.units if os.path.lexists(path := manager.folder / name)]
    if not there:
        return Removed((), (), ())
    names = [path.name for path in there]
    manager.stop(names)
    kept = [path for path in there if _is_foreign(path)]
    gone = [path for path in there if path not in kept]
    for path in gone:
        path.unlink(missing_ok=True)
    return Removed(names, gone, kept)


def _instances(folder: Path) -> Sequence[str]:
    """The instances that have units which `install` wrote."""
    found = [*folder.glob("syncd@?*.service"), *folder.glob("syncd-once@?*.timer")]
    return sorted({path.stem.partition("@")[2] for path in found if not _is_foreign(path)})


def _is_foreign(path: Path) -> bool:
    """Whether something is there that `install` did not write just so."""
    if not os.path.lexists(path):
        return False
    return path.is_symlink() or not is_ours(_text_of(path) or "")


def _text_of(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return None


def _write(path: Path, text: str) -> None:
    """Write a unit whole or not at all.

    Raises:
        ConfigError: it cannot be written.
    """
    new = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new.write_text(text, encoding="utf-8")
        new.chmod(0o644)
        new.replace(path)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written ({error.strerror})", "make its folder writable for yourself"
        ) from error
