"""A file or folder appears whole, at the end and at once, or everything stays as it was."""

import os
from pathlib import Path

import pytest

from kompot_scverse._cli.staging import check_writable, recover, staged

NAMES = ["a.h5ad", "a.zarr"]


def make(path: Path, text: str) -> Path:
    if path.suffix == ".zarr":
        path.mkdir()
        path = path / "part"
    path.write_text(text)
    return path


def content(path: Path) -> str:
    return (path / "part" if path.is_dir() else path).read_text()


def replace(path: Path, *, overwrite: bool = True) -> None:
    with staged(path, overwrite=overwrite) as target:
        make(target, "new")


def interrupted(path: Path, *, moved: bool) -> None:
    """Ends while replacing `path`, before or after what is there has been moved aside."""
    with staged(path, overwrite=True) as target:
        make(target, "new")
        if moved:
            path.rename(target.parent / f"old{path.suffix}")
        raise KeyboardInterrupt


def overtaken(path: Path) -> None:
    """Another process makes `path` while this one does."""
    with staged(path, overwrite=False) as target:
        make(target, "second")
        replace(path, overwrite=False)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("overwrite", [True, False])
def test_a_new_file_is_all_that_is_left(tmp_path: Path, name: str, overwrite: bool) -> None:
    replace(tmp_path / name, overwrite=overwrite)
    assert content(tmp_path / name) == "new"
    assert list(tmp_path.iterdir()) == [tmp_path / name]


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_replaced_and_nothing_else_left(tmp_path: Path, name: str) -> None:
    make(tmp_path / name, "old")
    replace(tmp_path / name)
    assert content(tmp_path / name) == "new"
    assert list(tmp_path.iterdir()) == [tmp_path / name]


@pytest.mark.parametrize("name", NAMES)
def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path, name: str) -> None:
    make(tmp_path / name, "old")
    with pytest.raises(KeyboardInterrupt):
        interrupted(tmp_path / name, moved=False)
    assert content(tmp_path / name) == "old"
    assert list(tmp_path.iterdir()) == [tmp_path / name]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, OSError])
@pytest.mark.parametrize("after", [False, True], ids=["instead of", "right after"])
@pytest.mark.parametrize("which", [0, 1], ids=["first", "second"])
def test_ended_between_the_renames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException], after: bool, which: int
) -> None:
    """Whatever comes at whichever rename of a folder: there is one of the two, whole, and nothing else."""
    path = tmp_path / "a.zarr"
    make(path, "old")
    rename, calls = Path.rename, iter(range(9))

    def ends(self: Path, target: Path) -> None:
        now = next(calls) == which
        if not now or after:
            rename(self, target)
        if now:
            raise error

    monkeypatch.setattr(Path, "rename", ends)
    with pytest.raises(error):
        replace(path)
    assert content(path) == ("new" if after and which == 1 else "old")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", NAMES)
def test_two_writers_of_a_new_file(tmp_path: Path, name: str) -> None:
    """The first to end wins, the other fails."""
    with pytest.raises(FileExistsError, match="another process"):
        overtaken(tmp_path / name)
    assert content(tmp_path / name) == "new"
    assert list(tmp_path.iterdir()) == [tmp_path / name]


def test_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def link(*_: object) -> None:
        raise PermissionError("not supported")

    monkeypatch.setattr(os, "link", link)
    replace(tmp_path / "a.h5ad", overwrite=False)
    assert content(tmp_path / "a.h5ad") == "new"
    with pytest.raises(FileExistsError):
        replace(tmp_path / "a.h5ad", overwrite=False)


@pytest.mark.parametrize("name", NAMES)
def test_permissions_are_those_of_the_file_replaced(tmp_path: Path, name: str) -> None:
    """A new file has the usual ones, another those of what it replaces."""
    path, usual = tmp_path / name, tmp_path / "usual"
    usual.touch()
    replace(path)
    part = path / "part" if path.is_dir() else path
    assert mode(part) == mode(usual)
    part.chmod(0o600)
    if path.is_dir():
        path.chmod(0o710)
    replace(path)
    assert mode(part) == 0o600
    assert mode(path) == (0o710 if path.is_dir() else 0o600)


@pytest.mark.parametrize("name", ["a.zarr", "b" * 240 + ".zarr"], ids=["short", "long"])
def test_killed_between_the_renames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Nothing is undone when a process is killed; the next one does."""
    path = tmp_path / name
    make(path, "old")
    with monkeypatch.context() as patch:
        patch.setattr("kompot_scverse._cli.staging._put_back", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            interrupted(path, moved=True)
    assert not path.exists()
    with pytest.warns(UserWarning, match="was missing.* is back"):
        recover(path)
    assert content(path) == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_run_left_is_named(tmp_path: Path) -> None:
    path, left = tmp_path / "a.zarr", tmp_path / ".a.zarr.kompot-abc"
    make(path, "there")
    left.mkdir()
    make(left / "old.zarr", "older")
    with pytest.warns(UserWarning, match=r"\.a\.zarr\.kompot-abc is left"):
        recover(path)
    assert content(path) == "there"
    recover(tmp_path / "b.zarr")  # of another file, so without a word


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    check_writable(tmp_path / "a.h5ad")
    assert not any(tmp_path.iterdir())
    with pytest.raises(OSError, match="No such file"):
        check_writable(tmp_path / "absent" / "a.h5ad")
