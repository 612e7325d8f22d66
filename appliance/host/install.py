"""Puts the appliance on a host as a service, and takes it off again.

``Installation.install`` writes the units, the configuration, the user's and the devices' rules;
``Installation.uninstall`` removes what it wrote. The root is injectable, for tests and for images.

Invariant: a file is written or removed only if it is missing or as we wrote it. What was written is
known by its hash, from the manifest, which is on disk before the first file is: so an install that
was interrupted at any step is finished by the next one, or undone by uninstall, and what an
operator made or changed is kept, and named.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from appliance.errors import RunError
from appliance.host.install_files import UNIT_FOLDER, File

STATE_FOLDER = "/var/lib/tickpath"
MANIFEST = f"{STATE_FOLDER}/install.json"
RECORDINGS = f"{STATE_FOLDER}/journal"
TUNE_JOURNAL = f"{STATE_FOLDER}/tune/journal"
TUNE_LOCK = "lock"  # beside it: appliance/host/journal.py
TUNE_FIXED = f"{STATE_FOLDER}/tune/fixed"  # appliance/host/host.py
PART = ".tickpath-part"  # what a file is called until it is whole


class Manifest(msgspec.Struct):
    """What we wrote: of each file the hashes that are ours, more than one during an install."""

    version: int = 1
    files: dict[str, list[str]] = {}
    folders: list[str] = []  # that were not there before


@dataclass(frozen=True)
class Action:
    """What becomes of one path: write, same, keep, remove, gone."""

    path: str
    action: str
    why: str = ""


@dataclass
class Installation:
    """What is installed under ``root``."""

    root: Path = Path("/")
    dry_run: bool = False
    actions: list[Action] = field(default_factory=list)
    _fresh: list[str] = field(default_factory=list)  # folders that came with the lock

    # ---- files -----------------------------------------------------------------------------------

    def path(self, name: str) -> Path:
        """Where the file lies; RunError when a link on the way leads out of the root."""
        path = self.root / name.lstrip("/")
        folder = path.parent.resolve()
        if path != self.root and not folder.is_relative_to(self.root.resolve()):
            raise RunError(f"a link on the way to {path} leads to {folder}, out of {self.root}; "
                           f"work within that system, by chroot(8)")
        return path

    def digest(self, name: str) -> str:
        """Of the file there; "" when there is none, "other" when it is no file."""
        path = self.path(name)
        if path.is_symlink() or (path.exists() and not path.is_file()):
            return "other"
        try:
            return hashlib.sha256(path.read_bytes()).hexdigest()
        except FileNotFoundError:
            return ""

    def manifest(self) -> Manifest:
        path = self.path(MANIFEST)
        try:
            manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
        except FileNotFoundError:
            return Manifest()
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise RunError(f"{path} is damaged ({error}); what was installed is not known any "
                           f"more: remove it, and the files by hand") from None
        if manifest.version != 1:
            raise RunError(f"{path} is of another version of tickpath; use that one to uninstall")
        return manifest

    def _write(self, name: str, data: bytes) -> None:
        """Whole or not at all, and on disk."""
        path = self.path(name)
        self._make_folder(path.parent)
        part = path.with_name(f".{path.name}{PART}")
        with open(part, "wb") as file:
            os.fchmod(file.fileno(), 0o644)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.rename(part, path)

    def _make_folder(self, folder: Path) -> None:
        if not folder.is_dir():
            self._make_folder(folder.parent)
            folder.mkdir()
            folder.chmod(0o755)  # whatever the umask: units and their users look in there

    def _missing_folders(self, names: Sequence[str]) -> list[str]:
        """Those above ``names`` that are not there, outermost first, as names under the root."""
        missing: set[str] = set()
        for name in names:
            for parent in Path(name).parents:
                if not self.path(str(parent)).is_dir():
                    missing.add(str(parent))
        return sorted(missing)

    def _write_manifest(self, manifest: Manifest) -> None:
        self._write(MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One at a time."""
        if self.dry_run:
            yield
            return
        self._fresh = self._missing_folders([MANIFEST])
        folder = self.path(STATE_FOLDER)
        self._make_folder(folder)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            raise RunError("another install or uninstall is at work here; wait for it") from None
        finally:
            os.close(handle)

    # ---- install ---------------------------------------------------------------------------------

    def _judge(self, file: File, ours: list[str]) -> Action:
        found = self.digest(file.name)
        if not found:
            return Action(file.name, "write")
        if found not in ours:
            return Action(file.name, "keep", "changed since it was installed" if ours
                          else "it was there before")
        if found == file.digest:
            return Action(file.name, "same")
        return Action(file.name, "write", "it was of an earlier install")

    def _judge_obsolete(self, name: str, ours: list[str]) -> Action:
        found = self.digest(name)
        if not found:
            return Action(name, "gone")
        if found in ours:
            return Action(name, "remove")
        return Action(name, "keep", "changed since it was installed")

    def install(self, files: Sequence[File], leave: Sequence[str] = ()) -> list[Action]:
        """Writes ``files`` and removes those of an earlier install that are not among them.

        What is named in ``leave`` stays as it is, ours or not.
        """
        for file in files:
            self.path(file.name)  # before anything is changed: does it lead out of the root?
        with self._locked():
            manifest = self.manifest()
            wanted = {file.name: file for file in files}
            self.actions = [self._judge(file, manifest.files.get(file.name, [])) for file in files]
            self.actions += [self._judge_obsolete(name, hashes)
                             for name, hashes in manifest.files.items()
                             if name not in wanted and name not in leave]
            if self.dry_run:
                return self.actions
            writes = [row.path for row in self.actions if row.action == "write"]
            fresh = {*self._fresh, *self._missing_folders(writes)}
            manifest.folders = sorted(fresh.union(manifest.folders))
            for name in writes:
                manifest.files.setdefault(name, []).append(wanted[name].digest)
            self._write_manifest(manifest)
            self._perform(wanted)
            for row in self.actions:
                if row.action in ("write", "same"):
                    manifest.files[row.path] = [wanted[row.path].digest]
                elif row.path not in wanted:
                    manifest.files.pop(row.path, None)
            self._write_manifest(manifest)
        return self.actions

    def _perform(self, wanted: dict[str, File]) -> None:
        for row in self.actions:
            if row.action == "write":
                self._write(row.path, wanted[row.path].data)
            elif row.action == "remove":
                self.path(row.path).unlink(missing_ok=True)
            self._remove_part(row.path)

    def _remove_part(self, name: str) -> None:
        path = self.path(name)
        path.with_name(f".{path.name}{PART}").unlink(missing_ok=True)

    # ---- uninstall -------------------------------------------------------------------------------

    def uninstall(self) -> list[Action]:
        """Removes what is as we wrote it, the units' links, and folders of ours that are empty."""
        if not self.path(MANIFEST).exists():
            if not self.dry_run:
                self._remove_part(MANIFEST)  # of an install that got no further
            return []
        with self._locked():
            manifest = self.manifest()
            self.actions = [self._judge_obsolete(name, hashes)
                            for name, hashes in manifest.files.items()]
            links = list(self._enabling_links(manifest))
            self.actions += [Action(link, "remove", "it enabled the unit") for link in links]
            if self.dry_run:
                return self.actions
            for row in self.actions:
                if row.action == "remove":
                    self.path(row.path).unlink(missing_ok=True)
                self._remove_part(row.path)
            above = {str(folder) for folder in Path(MANIFEST).parents}
            self._remove_idle_tuner()
            self._remove_folders(set(manifest.folders) - above)
            self._remove_part(MANIFEST)
            self.path(MANIFEST).unlink()  # last, so that an interrupted uninstall can go on
            # The state folder may have come with the lock of an install that got no further.
            self._remove_folders(above.intersection([*manifest.folders, STATE_FOLDER]))
        return self.actions

    def _remove_idle_tuner(self) -> None:
        """The tuner's lock and notes, when it has nothing to undo and is not at work."""
        folder = self.path(TUNE_JOURNAL).parent
        lock = folder / TUNE_LOCK
        if self.path(TUNE_JOURNAL).exists() or not lock.is_file():
            return
        handle = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        else:
            self.path(TUNE_FIXED).unlink(missing_ok=True)
            lock.unlink()
            with suppress(OSError):  # somebody keeps something else there
                folder.rmdir()
        finally:
            os.close(handle)

    def _enabling_links(self, manifest: Manifest) -> Iterator[str]:
        """What `systemctl enable` made for our units."""
        ours = {Path(name).name for name in manifest.files
                if Path(name).parent == Path(UNIT_FOLDER)}
        folder = self.path("/etc/systemd/system")
        for pattern in ("*.wants/*", "*.requires/*"):
            for link in sorted(folder.glob(pattern)):
                if link.is_symlink() and link.name in ours:
                    yield f"/{link.relative_to(self.root)}"

    def _remove_folders(self, names: Iterable[str]) -> None:
        for name in sorted(names, key=len, reverse=True):
            try:
                self.path(name).rmdir()
                self.actions.append(Action(name, "remove"))
            except FileNotFoundError:
                pass
            except OSError:
                self.actions.append(Action(name, "keep", "there is more in it than we made"))
