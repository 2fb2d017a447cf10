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
ADDRESS_BEFORE_PORT = (
    rb"(?:%b|%b|\[[0-9A-Fa-f:.]++\]|(?=[0-9A-Fa-f:]*?::|(?:[0-9A-Fa-f]++:){8})[0-9A-Fa-f:.]+)(?=:[0-9]++(?!:))"
) % (_IPV4, _NAME)
_PORT = rb"(?>:[0-9]{1,5}|)(?![0-9A-Za-z.:_-])"


def client_pattern(usual: bool = False) -> bytes:
    """Return the pattern of a client.

    `unix:` is what nginx writes of one that came through a socket. Behind an IPv4 address, and
    behind one in brackets, may be a port (Azure, Caddy before 2.5). A name with a port is none: it
    is what a log of many virtual hosts begins with.

    Args:
        usual: only addresses without anything odd, and names; found in a third of the time.
    """
    if usual:
        # One look at how the first digits end tells which kind it is.
        ipv6 = rb":(?=[0-9A-Fa-f:]*?::|(?:[0-9A-Fa-f]++:){6}[0-9A-Fa-f]++(?![0-9A-Fa-f:])|(?<=::))[0-9A-Fa-f:]++"
        return rb"(?:[0-9A-Fa-f]++(?:\.[0-9]++\.[0-9]++\.[0-9]++|%b)|%b|::[0-9A-Fa-f:]++)" % (ipv6, _NAME)
    in_brackets = rb"\[%b\]%b" % (_IPV6, _PORT)
    return rb"(?:%b%b|%b|unix:|%b|%b)(?![0-9A-Za-z:%%_\[-])" % (_IPV4, _PORT, in_brackets, _IPV6, _NAME)


# X-Forwarded-For is "client, proxy, …", but only its last entry was written by the proxy in front
# of this server; those before it are whatever the client sent.
LIST_BEFORE = rb"(?>(?:[^ \t\",\n]*+[ \t]*+,[ \t]*+)*)"
# Forwarded: for=192.0.2.60;proto=https, for="[2001:db8::17]:4711"; logs escape the quotes.
_QUOTE = rb"(?>\\?\"|\\x22|)"
FORWARDED_FOR = (
    rb"(?>(?:(?:[^\",\\\n]++|\\[^\n])*+,)*)[ \t]*+(?>(?:[^,\\\"\n]|\\[^\n])*?(?<![A-Za-z-])(?i:for)=)" + _QUOTE
)

_CLIENT = re.compile(client_pattern())
_FOR = re.compile(rb'(?i:(?:^|;)[ \t]*for=)"?([^;"]*)')


@lru_cache(maxsize=1 << 14)
def client_in(header: bytes) -> bytes:
    """Return the client that the last entry of a header names, or that is all of it; empty if it is none."""
    last = header.rpartition(b",")[2].strip(b" \t")
    if match := _FOR.search(last):
        last = match[1]
    return last if _CLIENT.fullmatch(last) or last == b"-" else b""
