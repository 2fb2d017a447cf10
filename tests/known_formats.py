"""The formats that can be asked for by name, told apart."""

from pathlib import Path

from download_counter.logs import formats as module
from download_counter.logs.formats import formats
from download_counter.logs.logformat import LineFormat
from download_counter.settings import Rule

NAMES = tuple(formats())
KNOWN = {name: row["format"] for name, row in formats().items() if "format" in row}
JSON_FORMATS = tuple(name for name, row in formats().items() if "keys" in row)


def format_of(
    text: str, *, methods: tuple[str, ...] = ("GET", "HEAD"), client: str = "", agent: bool = False
) -> LineFormat:
    """A format by its name or its LogFormat, for one log."""
    found = module.format_of(Rule(log_format=text, methods=methods, client=client, programs=agent))
    assert isinstance(found, LineFormat)
    return found


# --- What real servers wrote, and how it is read: data/formats ---

FORMATS = Path(__file__).parent / "data" / "formats"

JSON_WITH_PATH = (
    '{ "time":"%t", "remoteIP":"%a", "host":"%V", "request":"%U", "query":"%q", "method":"%m", '
    '"status":"%>s", "bytes":"%O", "userAgent":"%{User-agent}i", "referer":"%{Referer}i" }'
)
JSON_WITH_REQUEST = (
    '{"time":"%{%Y-%m-%dT%H:%M:%S%z}t","client":"%h","request":"%r","status":%>s,'
    '"size":%B,"referer":"%{Referer}i","agent":"%{User-Agent}i"}'
)
COMBINED = '%h %l %u %t "%r" %>s %O "%{Referer}i" "%{User-Agent}i"'

READ_AS = {
    "apache-common": "common",
    "apache-combined": "combined",
    "apache-combined-b": "combined",
    "apache-vhost_combined": "vhost_combined",
    "apache-proxied-a": COMBINED.replace("%h", "%a"),
    "apache-proxied-xff": COMBINED.replace("%h", "%{X-Forwarded-For}i"),
    "apache-json": JSON_WITH_PATH,
    "apache-json-request": JSON_WITH_REQUEST,
    "nginx-combined": "nginx",
    "nginx-json": "json",
    "nginx-json-uri": "json",
    "lighttpd": "lighttpd",
    "caddy-json": "caddy",
    "caddy-json-iso8601": "caddy",
    "rsyncd": "rsyncd",
    "vsftpd": "vsftpd",
    "vsftpd-xferlog": "xferlog",
    "haproxy": "haproxy",
    "python-http-server": "python",
    "nginx-ingress": "nginx-ingress",
    "nginx-proxy-manager": "nginx-proxy-manager",
    "squid": "squid",
    "varnish": "combined",
}
# Where the client is not named by %h or %a, the setting must say by what.
CLIENT = {"apache-proxied-xff": "%{X-Forwarded-For}i"}
