"""What was not read, or only in part, is said at the top of the statistics, in the project's own theme."""

from html import unescape
from pathlib import Path

import pytest

from accesslog import Line
from download_counter.__main__ import main
from smallsite import SmallSite
from support import CHECKOUT


@pytest.fixture
def site(tmp_path: Path) -> SmallSite:
    site = SmallSite(tmp_path)
    site.set(f"THEME = {str(CHECKOUT / 'theme')!r}")
    site.set("I18N_SUBSITES = {}")
    site.set("DEFAULT_LANG = 'en'")
    site.set("JINJA_ENVIRONMENT |= {'trim_blocks': True, 'lstrip_blocks': True}")
    return site


def page(site: SmallSite) -> str:
    done = site.pelican()
    assert done.returncode == 0, done.stderr
    return site.page(".stats/index.html")


def test_lines_that_could_not_be_read_are_said_with_their_share(site: SmallSite) -> None:
    good = [Line(client=f"192.0.2.{n}") for n in range(1, 10)]
    log = site.log("access.log", good)
    with log.open("ab") as file:
        file.write(b"what is this GET /a.iso\n")

    html = page(site)

    assert "One line of the logs could not be read and is not counted." in html
    assert "That is 10% of the 10 lines about images." in html
    assert html.index("One line of the logs") < html.index("<h2")
    assert "Every line could be read." not in html
    assert "what is this" not in html


def test_what_is_no_log_is_said_in_every_build(site: SmallSite) -> None:
    (site.logs / "access.log.9").symlink_to("nowhere")

    for _ in range(2):
        assert "access.log.9 is a link that leads nowhere" in page(site)


def test_when_no_log_is_there_the_pages_show_what_is_known_and_say_so(site: SmallSite) -> None:
    log = site.log("access.log", [Line()])
    page(site)
    log.unlink()

    assert "The pages show what is known." in page(site)


def test_a_damaged_log_is_named_once_and_by_its_file_name_alone(site: SmallSite) -> None:
    (site.logs / "access.log.2.gz").write_bytes(b"\x1f\x8b\x08 damaged")

    html = page(site)

    assert html.count("access.log.2.gz") == 2, "in the warning and in the list of logs"
    assert f"{site.logs}/access.log.2.gz" not in html


def test_a_log_half_in_another_format_is_said_alike_by_the_run_the_doctor_and_the_page(
    site: SmallSite, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [Line(client=f"192.0.2.{n}") for n in range(1, 81)]
    log = site.log("access.log", lines[:60])
    with log.open("ab") as file:
        file.writelines(b"dl.example:443 " + line.encode() for line in lines[60:])
    said = (
        "has 20 of 80 lines not in the log format 'combined': "
        "set DOWNLOAD_COUNTER['log_format'] = 'vhost_combined', which reads them."
    )

    assert main(["-s", str(site.settings)]) == 0
    assert said in capsys.readouterr().err
    assert main(["doctor", "-s", str(site.settings)]) == 1
    assert said in capsys.readouterr().out
    html = unescape(page(site))
    assert f"access.log</bdi> {said}" in html
    assert html.index(said) < html.index("<h2")
