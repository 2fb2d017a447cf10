"""The country of a client, and whether it is in a data centre, from databases that the admin names.

They are MaxMind DB files (https://maxmind.github.io/MaxMind-DB/): DB-IP Lite, GeoLite2, IPtoASN and others.
"""

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

from ..errors import DownloadCounterError
from .agents import OTHER

# Words in the names of networks whose clients are mostly programs in data centres: large hosting companies as they call
# themselves in such databases, and what others have in their names. A name is a guess, and docs say so.
_HOSTING = (
    *("amazon", "aws", "google cloud", "google llc", "microsoft", "azure", "oracle cloud", "digitalocean", "linode"),
    *("akamai", "ovh", "hetzner", "contabo", "scaleway", "online s.a.s", "leaseweb", "vultr", "choopa", "alibaba"),
    *("tencent", "m247", "datacamp", "ionos", "hostinger", "godaddy", "cloudflare", "fastly", "hosting", "datacenter"),
    *("data center", "colocation", "cloud", "server", "vps"),
)


@cache
def places(country_file: str, network_file: str) -> Callable[[bytes], tuple[str, bool]]:
    """Return a function from a client to its country (ISO 3166-1, such as "FR") and whether it is in a data centre.

    It looks into a database of countries and one of networks (autonomous systems); either may be empty.

    Raises:
        DownloadCounterError: a file is missing or no such database, or the package is not installed.
    """
    country_of, network_of = _lookup("countries", country_file), _lookup("networks", network_file)

    @lru_cache(maxsize=1 << 16)
    def place_of(client: bytes) -> tuple[str, bool]:
        address = client.decode("latin-1").partition("%")[0].partition("/")[0]
        return _country(country_of(address)), _is_hosting(network_of(address))

    return place_of


def _lookup(key: str, file: str) -> Callable[[str], Any]:
    if not file:
        return lambda _address: None
    try:
        from maxminddb import InvalidDatabaseError, open_database
    except ImportError as error:
        raise DownloadCounterError(
            f"DOWNLOAD_COUNTER[{key!r}] needs a package: pip install 'pelican-download-counter[places]'"
        ) from error
    try:
        database = open_database(file)
    except (OSError, ValueError, InvalidDatabaseError) as error:
        why = getattr(error, "strerror", None) or "it is no MaxMind database (.mmdb)"
        raise DownloadCounterError(f"{file}, which DOWNLOAD_COUNTER[{key!r}] names, cannot be read: {why}.") from error

    def look_up(address: str) -> Any:
        try:
            return database.get(address)
        except (ValueError, InvalidDatabaseError):  # a host name, or an IPv6 address in a database of IPv4
            return None

    return look_up


def _country(found: Any) -> str:
    # GeoLite2 and DB-IP: {"country": {"iso_code": "FR"}}; others: {"country_code": "FR"} or {"country": "FR"}.
    if isinstance(found, dict):
        country = found.get("country") or found.get("registered_country") or found.get("country_code")
        code = country.get("iso_code") if isinstance(country, dict) else country
        if isinstance(code, str) and len(code) == 2 and code.isalpha():
            return code.upper()
    return OTHER


def _is_hosting(found: Any) -> bool:
    if not isinstance(found, dict):
        return False
    if isinstance(flag := found.get("is_hosting_provider", found.get("hosting")), bool):
        return flag
    names = [found.get(key) for key in ("autonomous_system_organization", "as_organization", "as_name", "name", "org")]
    return any(word in name.lower() for name in names if isinstance(name, str) for word in _HOSTING)
