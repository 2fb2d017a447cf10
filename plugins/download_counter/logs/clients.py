r"""What names a client: an address or a host name, and where it stands in a header that proxies write.

Sources: RFC 4291 section 2.2 (IPv6 addresses), RFC 4007 section 11 (zones), RFC 7239 (Forwarded).
"""

import re
from functools import lru_cache

_IPV4 = rb"[0-9]++\.[0-9]++\.[0-9]++\.[0-9]++"
# A host name is not all digits. An underscore is in no host name of the DNS, and in many of Windows.
_NAME = rb"(?=[0-9.]*+[A-Za-z_-])[0-9A-Za-z._-]++"
# Eight groups, or fewer with two colons in one place: `10:00:00` is a time.
_IPV6 = (
    rb"(?=[0-9A-Fa-f]*+:)(?=[0-9A-Fa-f:]*?::|(?:[0-9A-Fa-f]++:){7}[0-9A-Fa-f]|(?:[0-9A-Fa-f]++:){6}[0-9]++\.)"
    rb"[0-9A-Fa-f:]++(?>\.[0-9]++\.[0-9]++\.[0-9]++|)(?>%[0-9A-Za-z._~-]++|)"
)
ADDRESS = rb"(?:%b|%b)" % (_IPV4, _IPV6)
ADDRESS_BEFORE_PORT = (
    rb"(?:%b|%b|\[[0-9A-Fa-f:.]++\]|(?=[0-9A-Fa-f:]*?::|(?:[0-9A-Fa-f]++:){8})[0-9A-Fa-f:.]+)(?=:[0-9]++(?!:))"
) % (_IPV4, _NAME)
_PORT = rb"(?>:[0-9]{1,5}|)(?![0-9A-Za-z.:_-])"
_IN_BRACKETS = rb"\[%b\]%b" % (_IPV6, _PORT)

# `unix:` is what nginx writes of a client that came through a socket. Behind an IPv4 address, and behind one in
# brackets, may be a port (Azure, Caddy before 2.5). A name with a port is no client: it is what a log of many virtual
# hosts begins with.
CLIENT = rb"(?:%b%b|%b|unix:|%b|%b)(?![0-9A-Za-z:%%_\[-])" % (_IPV4, _PORT, _IN_BRACKETS, _IPV6, _NAME)

# What an address or a name is made of, found in half of the time. `is_client` looks at what it finds.
MAY_BE_CLIENT = rb"[0-9A-Za-z.:_-]++"


# X-Forwarded-For is "client, proxy, …", but only its last entry was written by the proxy in front
# of this server; those before it are whatever the client sent.
LIST_BEFORE = rb"(?>(?:[^ \t\",\n]*+[ \t]*+,[ \t]*+)*)"
# Forwarded: for=192.0.2.60;proto=https, for="[2001:db8::17]:4711"; logs escape the quotes.
_QUOTE = rb"(?>\\?\"|\\x22|)"
FORWARDED_FOR = (
    rb"(?>(?:(?:[^\",\\\n]++|\\[^\n])*+,)*)[ \t]*+(?>(?:[^,\\\"\n]|\\[^\n])*?(?<![A-Za-z-])(?i:for)=)" + _QUOTE
)

_CLIENT = re.compile(CLIENT)
_FOR = re.compile(rb'(?i:(?:^|;)[ \t]*for=)"?([^;"]*)')


def is_client(client: bytes) -> bool:
    """Say whether something is an address or a name, by itself or with a port that may stand behind it."""
    return _CLIENT.fullmatch(client) is not None or client == b"-"


def is_address(client: bytes) -> bool:
    """Say of a client whether it is an address, with a port or without, and no name."""
    return b":" in client or client.replace(b".", b"").isdigit()


@lru_cache(maxsize=1 << 14)
def client_in(header: bytes) -> bytes:
    """Return the client that the last entry of a header names, or that is all of it; empty if it is none."""
    last = header.rpartition(b",")[2].strip(b" \t")
    if match := _FOR.search(last):
        last = match[1]
    return last if is_client(last) else b""
