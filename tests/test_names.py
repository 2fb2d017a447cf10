"""What the names of images say of their series, version and architecture."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from download_counter.names import Name, name_in


@pytest.mark.parametrize(
    ("file", "series", "version", "arch"),
    [
        ("bento-openbox-noble-24.04.3-amd64.iso", "bento openbox noble", "24.04.3", "amd64"),
        ("bento-openbox-noble-24.04-rc1-amd64.iso", "bento openbox noble", "24.04-rc1", "amd64"),
        ("bento-openbox-antix-23.2-i386.iso", "bento openbox antix", "23.2", "i386"),
        ("archives/bento-openbox-trusty-rc2-i386.iso", "bento openbox trusty", "rc2", "i386"),
        ("bento-i686-non-pae/bento to tori alpha1.iso", "bento to tori", "alpha1", "i386"),
        ("debian-12.5.0-amd64-netinst.iso", "debian netinst", "12.5.0", "amd64"),
        ("ubuntu-24.04.1-desktop-amd64.iso", "ubuntu desktop", "24.04.1", "amd64"),
        ("linuxmint-22-cinnamon-64bit.iso", "linuxmint cinnamon", "22", "amd64"),
        ("Fedora-Workstation-Live-x86_64-40-1.14.iso", "Fedora Workstation Live", "40-1.14", "amd64"),
        ("antiX-23.1_x64-full.iso", "antiX full", "23.1", "amd64"),
        ("archlinux-2024.05.01-x86_64.iso", "archlinux", "2024.05.01", "amd64"),
        ("alpine-standard-3.20.0-aarch64.iso", "alpine standard", "3.20.0", "arm64"),
        ("UPPER.ISO", "UPPER", "", ""),
        ("été 2026.iso", "été 2026", "", ""),
        ("e\u0301te\u0301-café-12.1-amd64.iso", "été café", "12.1", "amd64"),
        ("青い-2.0.iso", "青い", "2.0", ""),
        ("...iso", "", "", ""),
    ],
)
def test_a_name_says_series_version_and_architecture(file: str, series: str, version: str, arch: str) -> None:
    assert name_in(file) == Name(series, version, arch)


def test_a_pattern_of_the_site_overrules_what_the_name_says() -> None:
    patterns = [r"^never-(?P<series>.+)", r"openbox-(?P<series>[a-z]+)"]

    assert name_in("bento-openbox-noble-24.04-amd64.iso", patterns) == Name("noble", "24.04", "amd64")


@given(st.text(max_size=300))
def test_any_name_is_read(file: str) -> None:
    assert all(isinstance(part, str) for part in name_in(file))
