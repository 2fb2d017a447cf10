"""Countries and data centres, by databases that the admin names."""

import sys
from pathlib import Path
from typing import Any

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from download_counter.counting.places import places
from download_counter.errors import DownloadCounterError
from download_counter.ingest import ingest
from download_counter.settings import check


def database(path: Path, entries: dict[str, Any]) -> str:
    writer = MMDBWriter(6, "Test", ipv4_compatible=True)
    for network, entry in entries.items():
        writer.insert_network(IPSet([network]), entry)
    writer.to_db_file(str(path))
    return str(path)


@pytest.fixture
def countries(tmp_path: Path) -> str:
    return database(
        tmp_path / "countries.mmdb",
        {
            "192.0.2.0/25": {"country": {"iso_code": "FR"}},
            "192.0.2.128/25": {"country_code": "de"},
            "2001:db8::/32": {"country": "BE"},
            "198.51.100.0/25": {"country": "FRA"},
            "198.51.100.128/25": {"country_code": "--"},
        },
    )


@pytest.fixture
def networks(tmp_path: Path) -> str:
    return database(
        tmp_path / "networks.mmdb",
        {
            "192.0.2.0/25": {"autonomous_system_organization": "Hetzner Online GmbH"},
            "192.0.2.128/25": {"autonomous_system_organization": "Orange S.A."},
        },
    )


def test_a_client_has_the_country_that_the_database_says(countries: str) -> None:
    place_of = places(countries, "")

    clients = [b"192.0.2.1", b"192.0.2.200", b"2001:db8::1", b"203.0.113.1", b"host.example", b"2001:db8::/64"]
    assert [place_of(client)[0] for client in clients] == ["FR", "DE", "BE", "other", "other", "BE"]
    assert [place_of(client)[0] for client in (b"198.51.100.1", b"198.51.100.200")] == ["other", "other"]


def test_the_network_of_a_hosting_company_is_a_data_centre(networks: str) -> None:
    place_of = places("", networks)

    assert [place_of(client)[1] for client in (b"192.0.2.1", b"192.0.2.200", b"2001:db8::1")] == [True, False, False]


@pytest.mark.parametrize(("with_countries", "with_networks"), [(True, True), (True, False), (False, True)])
def test_a_day_has_its_countries_and_its_downloads_from_data_centres(
    tmp_path: Path, countries: str, networks: str, with_countries: bool, with_networks: bool
) -> None:
    line = '{} - - [09/May/2026:10:00:00 +0200] "GET /a.iso HTTP/1.1" 200 1000 "-" "Wget"\n'
    (tmp_path / "access.log").write_text("".join(map(line.format, ("192.0.2.1", "192.0.2.2", "192.0.2.200"))))
    (tmp_path / "www").mkdir()
    settings = check({
        "web_root": tmp_path / "www", "logs": [str(tmp_path / "access.log")],
        "countries": countries if with_countries else "", "networks": networks if with_networks else "",
    })  # fmt: skip

    [day] = ingest(settings, {"a.iso": 1000}).history.days.values()

    assert day.tables.get("countries", {}).get("") == ({"FR": 2, "DE": 1} if with_countries else None)
    assert day.files["a.iso"].hosting == (2 if with_networks else None)


@pytest.mark.parametrize(("content", "why"), [(None, "No such file"), (b"no database", "it is no MaxMind database")])
def test_a_database_that_is_missing_or_none_is_an_error_that_names_it(
    tmp_path: Path, content: bytes | None, why: str
) -> None:
    if content:
        (tmp_path / "x.mmdb").write_bytes(content)

    with pytest.raises(DownloadCounterError, match=rf"x\.mmdb, which DOWNLOAD_COUNTER\['countries'\] .*: {why}"):
        places(str(tmp_path / "x.mmdb"), "")


def test_a_package_that_is_not_there_is_named_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "maxminddb", None)

    with pytest.raises(DownloadCounterError, match=r"pip install 'pelican-download-counter\[places\]'"):
        places(str(tmp_path / "y.mmdb"), "")
