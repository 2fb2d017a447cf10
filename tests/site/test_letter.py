"""The report as plain text: what cron mails once a month."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from accesslog import Line
from smallsite import SmallSite


@pytest.fixture
def site(tmp_path: Path) -> SmallSite:
    """A site with three downloads last month and one the day before yesterday."""
    site = SmallSite(tmp_path)
    today = datetime.now(UTC)
    last_month = today.replace(day=1) - timedelta(days=3)
    lines = [
        *(_line(last_month, f"192.0.2.{n}", b"/a.iso", 1300) for n in range(1, 3)),
        _line(last_month, "192.0.2.1", b"/archives/2019/b.iso", 99),
        _line(today - timedelta(days=2), "192.0.2.9", b"/a.iso", 1300),
    ]
    site.log("access.log", lines)
    assert site.ingest().returncode == 0
    return site


def _line(when: datetime, client: str, target: bytes, size: int) -> Line:
    return Line(client=client, day=when.date(), target=target, size=size)


def said(site: SmallSite, *options: str) -> str:
    done = site.ingest("report", *options)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_last_month_is_told_in_the_sites_language(site: SmallSite) -> None:
    text = said(site)
    assert text.startswith("Téléchargements, ")
    assert " : 3" in text or " : 4" in text  # on the first days of a month, the last one was last month too
    assert "a.iso" in text
    assert "archives/2019/b.iso" in text
    assert "Un téléchargement, c’est un client, un fichier, un jour." in text
    site.set('DEFAULT_LANG = "en"')
    assert said(site).startswith("Downloads, ")


def test_the_last_week_leaves_out_what_is_older(site: SmallSite) -> None:
    site.set('DEFAULT_LANG = "en"')
    text = said(site, "--week")
    assert text.startswith("Downloads, the last 7 days: ")
    assert "a.iso" in text


def test_all_numbers_are_there_as_json(site: SmallSite) -> None:
    assert json.loads(said(site, "--json"))["total"]["started"] == 4


def test_the_json_tells_what_is_gone_and_goes_by_the_names_and_aliases_of_the_settings(site: SmallSite) -> None:
    site.counter(names=[r"^(?P<series>[ab])\.iso"], aliases={"archives/2019/b.iso": "b.iso"})
    site.image("b.iso", 99)

    files = json.loads(said(site, "--json"))["files"]

    assert {name: (one["series"], one["gone"]) for name, one in files.items() if name in ("a.iso", "b.iso")} == {
        "a.iso": ("a", not (site.web_root / "a.iso").exists()),
        "b.iso": ("b", False),
    }
    assert files["b.iso"]["total"]["started"] == 1
    assert "archives/2019/b.iso" not in files


def test_a_report_before_the_first_run_is_no_error(tmp_path: Path) -> None:
    site = SmallSite(tmp_path)
    assert "0" in said(site)
