"""Links, pipes and folders that others planted in the web root: a run by root neither writes nor reads through them."""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from download_counter.catalogue import scan
from download_counter.errors import DownloadCounterError
from download_counter.history.store import COUNTS, STATE, load
from download_counter.safe_files import Staged, open_folder, read_plain, stage, write_whole
from download_counter.settings import COMPANIONS
from smallsite import SmallSite, snapshot

SECRET = "d41d8cd98f00b204e9800998ecf8427e"  # as a key in a file that only root may read


@pytest.fixture
def site(tmp_path: Path) -> SmallSite:
    return SmallSite(tmp_path)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir(mode=0o700)
    (folder / "secret").write_text(SECRET + "\n")
    (folder / "secret").chmod(0o600)
    return folder


def published(site: SmallSite) -> bytes:
    return b"".join(path.read_bytes() for path in site.web_root.rglob("*") if path.is_file() and not path.is_symlink())


@pytest.mark.parametrize("name", ["counts.json", "state.json"])
def test_data_files_that_are_links_are_refused(site: SmallSite, outside: Path, name: str) -> None:
    (site.web_root / ".stats").mkdir()
    (outside / name).write_text("{}")
    (site.web_root / ".stats" / name).symlink_to(outside / name)
    before = snapshot(outside)
    for done in (site.ingest(), site.pelican()):
        assert done.returncode == 1
        assert f"{site.web_root}/.stats/{name} cannot be read" in done.stderr + done.stdout
    assert snapshot(outside) == before
    assert (site.web_root / ".stats" / name).is_symlink()


@pytest.mark.parametrize("folder", [".stats", "en", "feeds", "pages", "theme", "theme/css"])
def test_nothing_is_written_through_a_folder_that_is_a_link(site: SmallSite, outside: Path, folder: str) -> None:
    (site.web_root / folder).parent.mkdir(exist_ok=True)
    (site.web_root / folder).symlink_to(outside)
    before = snapshot(outside)
    done = site.pelican()
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert snapshot(outside) == before
    assert not (site.web_root / "index.html").exists()


@pytest.mark.parametrize("kind", ["a link", "a hard link", "a pipe"])
@pytest.mark.parametrize("name", ["index.html", ".stats/index.html", ".stats/downloads.csv", "theme/css/main.css"])
def test_what_was_planted_in_the_place_of_a_page_is_refused_and_left_alone(
    site: SmallSite, outside: Path, name: str, kind: str
) -> None:
    place = site.web_root / name
    place.parent.mkdir(parents=True, exist_ok=True)
    plant(place, outside / "secret", kind)
    before = snapshot(outside)
    done = site.pelican()
    assert done.returncode == 1
    assert "did not write" in done.stdout + done.stderr
    assert name in done.stdout + done.stderr
    assert snapshot(outside) == before
    assert SECRET.encode() not in b"".join(path.read_bytes() for path in site.web_root.rglob("*.html") if path != place)
    assert not (site.web_root / "en/index.html").exists()


def test_a_folder_that_becomes_a_link_while_pages_are_made_has_nothing_made_behind_it(
    site: SmallSite, outside: Path
) -> None:
    site.write("pages/deep.md", "Title: Deep\nLang: fr\nSlug: deep\nSave_as: pages/far/below/deep.html\n\nx\n")
    site.set(
        "from pelican import signals\n"
        "import os\n"
        f"def plant(_generators): os.symlink({str(outside)!r}, {str(site.web_root / 'pages')!r})\n"
        "signals.all_generators_finalized.connect(plant)\n"
        "I18N_SUBSITES = {}"
    )
    before = snapshot(outside)
    done = site.pelican()
    assert done.returncode == 1
    assert "pages" in done.stdout + done.stderr
    assert snapshot(outside) == before


def plant(place: Path, target: Path, kind: str) -> None:
    if kind == "a link":
        place.symlink_to(target)
    elif kind == "a hard link":
        place.hardlink_to(target)
    else:
        os.mkfifo(place)


@pytest.mark.parametrize("kind", ["a link", "a hard link", "a pipe"])
def test_a_temporary_file_is_never_one_that_was_there(tmp_path: Path, outside: Path, kind: str) -> None:
    temporary = tmp_path / Staged(tmp_path, Path("index.html")).temporary
    plant(temporary, outside / "secret", kind)
    write_whole(tmp_path, Path("index.html"), b"a page")
    assert (outside / "secret").read_text() == SECRET + "\n"
    assert (tmp_path / "index.html").read_bytes() == b"a page"
    assert not temporary.exists()


def test_what_is_put_in_the_place_of_a_folder_while_a_page_is_written_is_not_written_to(
    tmp_path: Path, outside: Path
) -> None:
    root = tmp_path / "www"
    root.mkdir()
    staged = stage(root, Path("en/index.html"), b"a page")
    (root / "en").rename(root / "away")
    (root / "en").symlink_to(outside)
    with pytest.raises(DownloadCounterError, match="a folder on the way is a link"):
        staged.put()
    assert [path.name for path in outside.iterdir()] == ["secret"]


def test_a_folder_that_is_made_changes_no_rights_of_what_takes_its_place(
    tmp_path: Path, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mkdir = os.mkdir

    def swap(name: str, mode: int, *, dir_fd: int) -> None:
        mkdir(name, mode, dir_fd=dir_fd)
        (tmp_path / name).rmdir()
        (tmp_path / name).symlink_to(outside)

    monkeypatch.setattr(os, "mkdir", swap)
    with pytest.raises(OSError, match=r"Not a directory|Too many levels"), open_folder(tmp_path, Path("en")):
        pytest.fail("a link was followed")
    assert stat.S_IMODE(outside.stat().st_mode) == 0o700


def test_folders_are_open_to_the_web_server_under_any_umask(site: SmallSite) -> None:
    assert site.ingest(before=["sh", "-c", 'umask 077 && exec "$@"', "sh"]).returncode == 0
    assert stat.S_IMODE((site.web_root / ".stats").stat().st_mode) == 0o755
    assert stat.S_IMODE((site.web_root / COUNTS).stat().st_mode) == 0o644


def test_a_damaged_state_is_set_aside_without_opening_it_to_anybody(tmp_path: Path, outside: Path) -> None:
    (tmp_path / ".stats").mkdir()
    (tmp_path / COUNTS).write_text("{}")
    (tmp_path / STATE).hardlink_to(outside / "secret")
    assert load(tmp_path).warnings
    [aside] = (tmp_path / ".stats").glob("state.damaged-*")
    assert stat.S_IMODE(aside.stat().st_mode) == 0o600


def test_checksums_that_lead_out_of_the_web_root_are_not_read(site: SmallSite, outside: Path) -> None:
    (site.web_root / "a.iso.md5").symlink_to(outside / "secret")
    images, problems = scan(site.web_root, (".iso",), COMPANIONS)
    assert [image.companions for image in images if image.file == "a.iso"] == [()]
    assert any("leads out of the web root" in problem for problem in problems)


def test_checksums_that_become_a_link_after_they_were_looked_at_are_not_read(
    site: SmallSite, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checksums = site.web_root / "a.iso.md5"
    checksums.write_text(SECRET.replace("d", "0"))
    open_: Callable[..., int] = os.open

    def swap(path: Any, *arguments: Any, **options: Any) -> int:
        if os.path.basename(path) == checksums.name and not checksums.is_symlink():
            checksums.unlink()
            checksums.symlink_to(outside / "secret")
        return open_(path, *arguments, **options)

    monkeypatch.setattr(os, "open", swap)
    images, problems = scan(site.web_root, (".iso",), COMPANIONS)
    assert SECRET not in str(images)
    assert any("must be a plain file" in problem for problem in problems)


def test_an_image_that_is_a_link_out_of_the_web_root_is_not_listed(site: SmallSite, outside: Path) -> None:
    (outside / "x.iso").write_text("x")
    (site.web_root / "x.iso").symlink_to(outside / "x.iso")
    (site.web_root / "folder").symlink_to(outside)
    assert site.pelican().returncode == 0
    assert "x.iso" not in site.page("index.html")


def test_no_path_leads_out_of_the_web_root(tmp_path: Path, outside: Path) -> None:
    root = tmp_path / "www"
    root.mkdir()
    for way in ("../outside/secret", "x/../../outside/secret"):
        with pytest.raises(DownloadCounterError):
            write_whole(root, Path(way), b"x")
        with pytest.raises(DownloadCounterError):
            read_plain(root, Path(way))
    assert (outside / "secret").read_text() == SECRET + "\n"


@pytest.mark.parametrize(
    "way", ["{attach}../../outside/secret", "{static}../../outside/secret", "{attach}/../outside/secret"]
)
def test_a_link_in_a_page_publishes_no_file_from_outside_of_the_content(
    site: SmallSite, outside: Path, way: str
) -> None:
    site.write("pages/about.md", f"Title: About\nLang: fr\nSlug: about\n\n[x]({way})\n")
    done = site.pelican()
    assert done.returncode == 1
    assert f"{outside}/secret is outside of" in done.stdout + done.stderr
    assert SECRET.encode() not in published(site)


@pytest.mark.parametrize(
    "save_as",
    [".stats/counts.json", ".stats/state.json", ".stats/days/2026.json", ".stats/.lock", "a.iso", "a.iso.md5"],
)
def test_a_page_takes_no_place_of_an_image_or_of_the_counters_files(site: SmallSite, save_as: str) -> None:
    assert site.pelican().returncode == 0
    before = snapshot(site.web_root)
    site.write("pages/about.md", f"Title: About\nLang: fr\nSlug: about\nSave_as: {save_as}\n\nx\n")
    done = site.pelican()
    assert done.returncode == 1
    assert save_as in done.stdout + done.stderr
    assert snapshot(site.web_root) == before


def test_what_a_killed_run_left_of_a_page_that_there_is_no_more_is_removed(site: SmallSite) -> None:
    assert site.pelican().returncode == 0
    left = site.web_root / "pages" / Staged(site.web_root, Path("pages/gone.html")).temporary
    left.write_text("half a pa")
    assert site.pelican().returncode == 0
    assert not left.exists()
