"""What is not the program's own is never overwritten; what is its own and is made no longer is removed."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from smallsite import SmallSite, run, snapshot
from support import open_folder

OF_ANOTHER = "<html><body>Somebody else's</body></html>\n"


@pytest.fixture
def site(tmp_path: Path) -> SmallSite:
    return SmallSite(tmp_path)


def built(site: SmallSite) -> None:
    done = site.pelican("--log-handler", "plain")
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


def refused(site: SmallSite) -> str:
    """What a build says that must publish nothing."""

    def pages() -> dict[str, tuple[int, str]]:
        found = snapshot(site.web_root)
        return {name: what for name, what in found.items() if what[1] and not name.startswith(".stats")}

    before = pages()
    done = site.pelican("--log-handler", "plain")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "Nothing was published" in done.stderr
    assert pages() == before
    return done.stderr


@pytest.mark.parametrize("name", ["index.html", "pages/about.html", "en/index.html", ".stats/index.html"])
def test_a_first_run_over_the_page_of_another_refuses_and_the_command_it_gives_helps(
    site: SmallSite, name: str
) -> None:
    page = site.web_root / name
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(OF_ANOTHER)

    said = refused(site)

    assert f"in {name};" in said
    command = said[said.index(f"cd {site.web_root}") :].strip()
    subprocess.run(["sh", "-c", command], check=True)
    assert page.with_name(page.name + ".before").read_text() == OF_ANOTHER
    built(site)
    assert page.read_text() != OF_ANOTHER


def test_all_files_in_the_way_are_counted_and_named(site: SmallSite) -> None:
    for name in ("index.html", "pages/about.html", "theme/css/main.css"):
        (site.web_root / name).parent.mkdir(parents=True, exist_ok=True)
        (site.web_root / name).write_text(OF_ANOTHER)

    said = refused(site)

    assert "3 files" in said
    assert "in index.html pages/about.html theme/css/main.css;" in said


def test_a_page_that_somebody_put_in_the_place_of_ours_is_not_overwritten(site: SmallSite) -> None:
    built(site)
    (site.web_root / "index.html").write_text(OF_ANOTHER)

    assert "index.html" in refused(site)


@pytest.mark.parametrize("place", ["index.html", ".stats/index.html", "theme/css/main.css", ".stats/downloads.csv"])
def test_a_link_in_a_files_place_is_refused_and_what_it_leads_to_is_left_alone(site: SmallSite, place: str) -> None:
    built(site)
    victim = site.folder / "victim"
    victim.write_text("precious")
    (site.web_root / place).unlink()
    (site.web_root / place).symlink_to(victim)

    assert place in refused(site)

    assert victim.read_text() == "precious"
    (site.web_root / place).unlink()
    built(site)


def test_a_page_that_was_removed_by_hand_is_made_again(site: SmallSite) -> None:
    built(site)
    (site.web_root / "index.html").unlink()

    built(site)

    assert "a.iso" in site.page("index.html")


def test_a_language_that_is_taken_away_is_removed_and_nothing_else(site: SmallSite) -> None:
    built(site)
    (site.web_root / "en" / "mine.txt").write_text("mine")
    before = snapshot(site.web_root)

    site.set("I18N_SUBSITES = {}")
    built(site)

    gone = before.keys() - snapshot(site.web_root).keys()
    assert gone == {"en/index.html", "en/.stats", "en/.stats/index.html", "en/feeds", "en/feeds/images.atom.xml"}


def test_badges_go_when_they_are_switched_off(site: SmallSite) -> None:
    site.counter(show_counts=True)
    built(site)
    assert (site.web_root / "feeds/badges/archives/2019/b.iso.json").exists()

    site.counter(show_counts=False)
    built(site)

    assert not (site.web_root / "feeds/badges").exists()
    assert (site.web_root / "feeds/images.atom.xml").exists()


def test_a_page_that_is_made_no_longer_but_was_changed_by_somebody_stays(site: SmallSite) -> None:
    built(site)
    (site.web_root / "pages/about.html").write_text(OF_ANOTHER)
    (site.content / "pages/about.md").unlink()

    built(site)

    assert site.page("pages/about.html") == OF_ANOTHER


def test_an_image_is_never_removed_whatever_the_list_says(site: SmallSite) -> None:
    built(site)
    theirs = site.web_root / "readme.txt"
    theirs.write_text("theirs")
    listed = site.web_root / ".stats/files.json"
    files = json.loads(listed.read_text())
    files["files"] |= {"a.iso": ["0" * 32], "readme.txt": ["0" * 32], "../settings.py": ["0" * 32]}
    listed.write_text(json.dumps(files))

    site.pelican()

    assert (site.web_root / "a.iso").exists()
    assert theirs.exists()
    assert site.settings.exists()


def test_a_run_that_was_killed_before_its_pages_were_in_place_is_gone_on_with(site: SmallSite) -> None:
    built(site)
    first = site.page("index.html")
    site.template("index.html", "second")
    built(site)
    # As after a kill between the list and the page: the list knows the new page, the old one is there.
    (site.web_root / "index.html").write_text(first)

    site.template("index.html", "third")
    built(site)

    assert site.page("index.html") == "third"


def test_a_damaged_list_takes_nobodys_file_for_ours(site: SmallSite) -> None:
    built(site)
    (site.web_root / ".stats/files.json").write_text("{")
    site.template("index.html", "changed")

    assert "index.html" in refused(site)


def test_pages_of_the_first_version_which_kept_no_list_are_taken_over(site: SmallSite) -> None:
    site.template("base.html", '<link href="{{ SITEURL }}/theme/css/tokens.css">{% block content %}{% endblock %}')
    built(site)
    (site.web_root / ".stats/files.json").unlink()
    (site.web_root / "pages/about.html").write_text(OF_ANOTHER)
    site.template("index.html", '{% extends "base.html" %}{% block content %}new{% endblock %}')
    (site.theme / "static/css/main.css").write_text("body { color: blue }")

    said = refused(site)
    assert "in pages/about.html;" in said
    (site.web_root / "pages/about.html").unlink()
    done = site.pelican("--log-handler", "plain")

    assert done.returncode == 0, done.stderr
    assert "new" in site.page("index.html")


def test_a_first_run_over_pages_of_the_first_version_that_was_killed_is_gone_on_with(site: SmallSite) -> None:
    site.template("base.html", '<link href="{{ SITEURL }}/theme/css/tokens.css">{% block content %}{% endblock %}')
    built(site)
    of_first_version = site.page("index.html")
    (site.web_root / ".stats/files.json").unlink()
    site.template("index.html", '{% extends "base.html" %}{% block content %}new{% endblock %}')
    built(site)
    # As after a kill between the list and the page.
    (site.web_root / "index.html").write_text(of_first_version)

    built(site)

    assert "new" in site.page("index.html")


# --- Who owns what ---


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of another user")
def test_files_of_root_that_the_counters_user_cannot_replace_are_said_with_the_command_that_helps() -> None:
    as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    with open_folder() as folder:
        site = SmallSite(folder)
        if run([*as_nobody, sys.executable, "-c", "import pelican, download_counter"], folder).returncode:
            pytest.skip("another user cannot use this Python")
        built(site)
        os.chown(site.web_root, 0, 65534)
        site.web_root.chmod(0o1775)
        site.template("index.html", "changed")

        done = site.pelican("--log-handler", "plain", before=as_nobody)

        assert done.returncode == 1
        assert (
            "The counter's user nobody cannot replace files written by root. As root: chown -R nobody: " in done.stderr
        )
        subprocess.run(shlex.split(done.stderr[done.stderr.index("chown") :]), check=True)
        done = site.pelican("--log-handler", "plain", before=as_nobody)
        if done.returncode:  # the data files come first, then the pages
            subprocess.run(shlex.split(done.stderr[done.stderr.index("chown") :]), check=True)
            done = site.pelican("--log-handler", "plain", before=as_nobody)
        assert (done.returncode, done.stderr) == (0, "")
        assert site.page("index.html") == "changed"
