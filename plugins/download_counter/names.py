"""What the name of a file says of it: series, version, architecture."""

import re
from collections.abc import Iterable
from typing import NamedTuple
from unicodedata import normalize


class Name(NamedTuple):
    """What a file's name or note says of it; empty where it says nothing."""

    series: str = ""  # what its versions have in common, such as "noble"
    version: str = ""  # such as "24.04.3", "12.5.0" or "alpha1"
    arch: str = ""  # the processor, such as "amd64", as Debian calls it


# Debian's names (https://wiki.debian.org/SupportedArchitectures), and how files of other distributions spell them.
_ARCHITECTURES = {
    "amd64": r"amd64|x86[_-]?64|x64|64[_-]?bits?",
    "i386": r"i[3-6]86|x86|ia32|32[_-]?bits?",
    "arm64": r"arm64|aarch64",
    "armhf": r"armhf(?:p)?|armv7l?",
    "armel": r"armel|armv[56]l?",
    "ppc64el": r"ppc64(?:el|le)",
    "riscv64": r"riscv64",
    "s390x": r"s390x",
    "loong64": r"loong64|loongarch64",
}
_ARCHITECTURE = re.compile(
    r"(?<![a-z0-9])(?:"
    + "|".join(f"(?P<{arch}>{spelled})" for arch, spelled in _ARCHITECTURES.items())
    + ")(?![a-z0-9])",
    re.IGNORECASE,
)

# "24.04.3", "12.5.0", "2024.05.01", "40-1.14", "21.3-beta", "rc2", "alpha1", "20240501", "v39".
_STAGE = r"(?:alpha|beta|rc|pre|dev)[._-]?[0-9]*"
_VERSION = re.compile(
    r"(?<![a-z0-9.])v?(?P<version>(?:[0-9]{1,2}-)?[0-9]+(?:\.[0-9]+)+(?:[._~-]?"
    + _STAGE
    + r")?|[0-9]{8}|[0-9]{1,2}|"
    + _STAGE
    + r")(?![a-z0-9.])",
    re.IGNORECASE,
)


def name_in(file: str, patterns: Iterable[str] = ()) -> Name:
    """Return what the name of a file says.

    The patterns are the site's own, with groups named `series`, `version` and `arch`; the first that is found says
    what it says, and the rest is told as for any file.
    """
    stem = re.sub(r"\.[A-Za-z]{2,4}$", "", file.rpartition("/")[2])
    own = next((match.groupdict() for pattern in patterns if (match := re.search(pattern, file))), {})
    arch = in_stem = _ARCHITECTURE.search(stem)
    arch = arch or _ARCHITECTURE.search(file)  # a folder may say it
    rest = stem[: in_stem.start()] + stem[in_stem.end() :] if in_stem else stem
    versions = list(_VERSION.finditer(rest))
    version = next((one for one in versions if "." in one["version"]), versions[0] if versions else None)
    if version:
        rest = rest[: version.start()] + rest[version.end() :]
    told = Name(
        series=" ".join(re.findall(r"(?:[^\W_]|\+)+", normalize("NFC", rest))),
        version=version["version"] if version else "",
        arch=arch.lastgroup or "" if arch else "",
    )
    return told._replace(**{key: value for key, value in own.items() if value and key in Name._fields})
