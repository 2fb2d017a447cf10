"""The sample web root and logs: what demo, preview and tests show is plausible, and harms nobody's files."""

import gzip
import hashlib
import json
import re
from datetime import date
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import get_args

import pytest

import sample

END = date(2026, 5, 9)
DOCUMENTATION = [ip_network(net) for net in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")]
LINE = re.compile(r'(\S+) - - \[([^\]]+)\] "([^"]*)" (\d{3}) (\d+) "[^"]*" "([^"]*)"\n')


def contents(folder: Path) -> dict[str, tuple[int, float, str]]:
    """Size, time and digest of each file below a folder; of an image only the size and time."""
    return {
        str(path.relative_to(folder)): (
            path.stat().st_size,
            path.stat().st_mtime,
            "" if path.suffix == ".iso" else hashlib.sha256(path.read_bytes()).hexdigest(),
        )
        for path in folder.rglob("*")
        if path.is_file() and path.name != sample.MARKER
    }


def logged_lines(folder: Path, pattern: str = "*") -> list[str]:
    lines: list[str] = []
    for path in folder.glob(f"{sample.LOG_NAME}{pattern}"):
        content = path.read_bytes()
        lines += (gzip.decompress(content) if path.suffix == ".gz" else content).decode().splitlines(keepends=True)
    return lines


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sample's web root `web` and logs `logs`."""
    folder = tmp_path_factory.mktemp("made")
    assert sample.main(["--web-root", f"{folder}/web", "--logs", f"{folder}/logs", "--end", END.isoformat()]) == 0
    return folder


def test_the_same_seed_and_day_give_the_same_files(made: Path, tmp_path: Path) -> None:
    sample.main(["--web-root", f"{tmp_path}/web", "--logs", f"{tmp_path}/logs", "--end", END.isoformat()])
    assert contents(tmp_path) == contents(made)


def test_another_seed_gives_other_logs(made: Path, tmp_path: Path) -> None:
    sample.make_logs(tmp_path / "logs", list(sample.NORMAL), end=END, seed=2)
    assert contents(tmp_path / "logs") != contents(made / "logs")


def test_images_have_the_size_of_real_ones_and_take_no_room(made: Path) -> None:
    images = list((made / "web").rglob("*.iso"))
    assert len(images) > 15
    for image in images:
        assert 600e6 < image.stat().st_size < 2.7e9
        assert image.stat().st_blocks * 512 < 1e6


def test_checksum_files_have_the_shape_of_coreutils_output(made: Path) -> None:
    for path in (made / "web").rglob("*.sha256"):
        assert re.fullmatch(rf"[0-9a-f]{{64}}  {re.escape(path.stem)}\n", path.read_text())


def test_logs_are_rotated_daily_and_packed_from_the_second_on(made: Path) -> None:
    names = {path.name for path in (made / "logs").glob(f"{sample.LOG_NAME}*")}
    assert names == {sample.LOG_NAME, f"{sample.LOG_NAME}.1"} | {f"{sample.LOG_NAME}.{n}.gz" for n in range(2, 15)}


def test_each_client_is_from_a_range_kept_for_documentation(made: Path) -> None:
    clients = {ip_address(line.split()[0]) for line in logged_lines(made / "logs")}
    assert len(clients) > 500
    assert all(any(client in network for network in DOCUMENTATION) for client in clients)


def test_logs_hold_all_that_a_counter_has_to_tell_apart(made: Path) -> None:
    lines = [match.groups() for match in map(LINE.fullmatch, logged_lines(made / "logs")) if match]
    assert len(lines) == len(logged_lines(made / "logs"))
    assert {status for _, _, _, status, _, _ in lines} >= {"200", "206", "304", "400", "404"}
    requests = [request for _, _, request, _, _, _ in lines]
    assert any(request.startswith("HEAD ") for request in requests)
    assert any("?" in request for request in requests)
    assert any(request.startswith("GET //") for request in requests)
    agents = {agent for _, _, _, _, _, agent in lines}
    assert any("Googlebot" in agent for agent in agents)
    assert any("aria2" in agent for agent in agents)


def test_a_download_over_midnight_is_logged_on_the_next_day_with_the_stamp_of_its_start(made: Path) -> None:
    assert any("[07/May/2026:23:41:00" in line for line in logged_lines(made / "logs", ".1"))


def test_the_truth_given_with_the_logs_is_what_plain_lines_show(tmp_path: Path) -> None:
    images = [sample.SampleImage("a.iso", 10**9, 3, 1, ()), sample.SampleImage("b c.iso", 10**9, 3, 1, ())]
    truth = sample.make_logs(tmp_path, images, end=END)
    # The spellings that the sample makes, undone by hand.
    respelled = re.compile(r"^(?:https://downloads\.example)?/+(?:\./x/\.\./)?([^?]*)(?:\?.*)?$")
    keys = set()
    for line in logged_lines(tmp_path):
        match = LINE.fullmatch(line)
        assert match
        client, stamp, request, status, _sent, _agent = match.groups()
        path = request.split()[1] if " " in request else ""
        name = respelled.sub(r"\1", path).replace("%20", " ").replace("%2D", "-")
        if name in {"a.iso", "b c.iso"} and status in {"200", "206"}:
            keys.add((client, name, stamp[:11]))
    assert sum(sum(days.values()) for days in truth.values()) == len(keys)


def test_history_reaches_back_three_years_and_knows_images_that_are_gone(made: Path) -> None:
    counts = json.loads((made / "web/.stats/counts.json").read_text())
    months = {month for file in counts.values() for month in file}
    assert max(months) == "2026-04"
    assert len(months) == sample.HISTORY_MONTHS
    assert [file for file in counts if not (made / "web" / file).exists()]


def test_files_in_the_web_root_are_left_as_they_are(tmp_path: Path) -> None:
    image = tmp_path / sample.NORMAL[0].path
    image.write_bytes(b"a real image")
    counts = tmp_path / ".stats/counts.json"
    counts.parent.mkdir()
    counts.write_text("{}")
    sample.make_history(tmp_path, sample.make_web_root(tmp_path, end=END), end=END)
    assert image.read_bytes() == b"a real image"
    assert counts.read_text() == "{}"


def test_logs_are_made_again_in_their_own_folder(tmp_path: Path) -> None:
    sample.make_logs(tmp_path, list(sample.NORMAL), end=END)
    sample.make_logs(tmp_path, list(sample.NORMAL), end=date(2026, 5, 10))
    assert any("09/May/2026:2" in line for line in logged_lines(tmp_path, ".1"))


def test_a_folder_with_other_logs_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "logs" / sample.LOG_NAME
    log.parent.mkdir()
    log.write_text("a real log\n")
    assert sample.main(["--web-root", f"{tmp_path}/web", "--logs", str(log.parent)]) == 1
    assert str(log.parent) in capsys.readouterr().err
    assert log.read_text() == "a real log\n"


@pytest.mark.parametrize("state", get_args(sample.State))
def test_every_state_can_be_made(state: sample.State, tmp_path: Path) -> None:
    images = sample.make_web_root(tmp_path / "web", state, end=END)
    found = {path for path in (tmp_path / "web").rglob("*") if path.is_file() and path.name.lower().endswith(".iso")}
    assert {tmp_path / "web" / image.path for image in images} <= found
    assert len(images) == {"empty": 0, "many": 200}.get(state, len(images))
    truth = sample.make_logs(tmp_path / "logs", images, end=END)
    assert set(truth) <= {image.path for image in images}
    assert bool(truth) == bool(images)
