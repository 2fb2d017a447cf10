"""No page, feed or sitemap leads to the statistics, in any theme, whatever other plugins a site has."""

from pathlib import Path

import pytest

from smallsite import SmallSite

SITEMAP = """
from pelican import signals
_pages = []
signals.content_written.connect(lambda path, context: _pages.append(path), weak=False)
def _write(pelican):
    if not pelican.output_path.endswith("en"):
        with open(pelican.output_path + "/sitemap.txt", "w") as file:
            file.write("\\n".join(_pages))
signals.finalized.connect(_write)
"""


@pytest.fixture
def site(tmp_path: Path) -> SmallSite:
    return SmallSite(tmp_path)


def test_a_plugin_that_lists_what_was_written_is_not_told_of_the_statistics(site: SmallSite) -> None:
    site.set(SITEMAP)

    assert site.pelican().returncode == 0

    listed = site.page("sitemap.txt")
    assert "index.html" in listed
    assert "en/index.html" in listed
    assert ".stats" not in listed
    assert (site.web_root / ".stats/index.html").exists()


@pytest.mark.parametrize(
    "page",
    [
        "<!doctype html>\n<html lang=fr><head lang='fr'><title>x</title></head>numbers</html>",
        "<!DOCTYPE html>\n<html lang=fr><title>x</title>numbers",
        "<p>numbers",
        '<html><head><meta name="robots" content=""></head>numbers',
    ],
)
def test_a_statistics_page_of_any_theme_keeps_robots_away(site: SmallSite, page: str) -> None:
    site.template("stats.html", page)

    assert site.pelican().returncode == 0

    for name in (".stats/index.html", "en/.stats/index.html"):
        written = site.page(name)
        assert '<meta name="robots" content="noindex, nofollow">' in written
        assert written.replace('<meta name="robots" content="noindex, nofollow">', "") == page
    assert "noindex" not in site.page("index.html")


def test_a_theme_may_say_it_in_its_own_words(site: SmallSite) -> None:
    site.template("stats.html", '<head><meta content="noindex" name="ROBOTS"></head>')

    assert site.pelican().returncode == 0

    assert site.page(".stats/index.html") == '<head><meta content="noindex" name="ROBOTS"></head>'


@pytest.mark.parametrize("link", ['<a href=".stats/">', "<a href='{{ SITEURL }}/%2Estats/index.html'>", "/.stats\n"])
def test_a_public_page_that_would_name_the_statistics_is_refused(site: SmallSite, link: str) -> None:
    site.template("index.html", link)

    done = site.pelican("--log-handler", "plain")

    assert done.returncode == 1
    assert "index.html would name .stats/" in done.stderr
    assert not (site.web_root / "index.html").exists()


def test_a_plugin_may_write_into_the_folder_of_a_language_before_the_pages_are_there(site: SmallSite) -> None:
    site.set(
        "from pelican import signals\n"
        "from pelican.generators import Generator\n"
        "class Index(Generator):\n"
        "    def generate_output(self, _writer): open(self.output_path + '/search.toml', 'w').write('x')\n"
        "signals.get_generators.connect(lambda _pelican: Index, weak=False)\n"
    )

    assert site.pelican().returncode == 0

    assert site.page("en/search.toml") == "x"
