"""Torrent files (BEP 3): their magnet address (BEP 9)."""

import re
from urllib.parse import quote

_NUMBER = re.compile(rb"i-?\d{1,20}e")
_LENGTH = re.compile(rb"(\d{1,10}):")


def magnet(torrent: bytes) -> str | None:
    """Return the magnet address of a torrent: its info hash, name and size; None if it is damaged.

    Trackers stay out: a magnet works by the DHT, and a tracker's address is anybody's text.
    """
    from hashlib import sha1  # with OpenSSL, 4 MB: the ingest has no need of it

    try:
        span = _info(torrent)
    except (ValueError, IndexError):
        return None
    if span is None:
        return None
    info = torrent[slice(*span)]
    if b"6:pieces" not in info:
        return None  # version 2 alone (BEP 52)
    address = f"magnet:?xt=urn:btih:{sha1(info, usedforsecurity=False).hexdigest()}"
    if name := re.search(rb"4:name(\d{1,4}):", info):
        address += "&dn=" + quote(info[name.end() : name.end() + int(name[1])])
    if size := re.search(rb"6:lengthi(\d{1,20})e", info):
        address += f"&xl={int(size[1])}"
    return address


def _info(torrent: bytes) -> tuple[int, int] | None:
    """Find where the value of "info" in the outermost dictionary begins and ends."""
    if torrent[:1] != b"d":
        raise ValueError("no dictionary")
    place = 1
    while torrent[place : place + 1] != b"e":
        after_key = _skip(torrent, place)
        after_value = _skip(torrent, after_key)
        if torrent[place:after_key] == b"4:info":
            return after_key, after_value
        place = after_value
    return None


def _skip(torrent: bytes, place: int) -> int:
    """Return the place after the value that begins at a place. A loop: values nest as deep as anybody likes."""
    depth = 0
    while True:
        mark = torrent[place : place + 1]
        if mark in (b"d", b"l"):
            depth, place = depth + 1, place + 1
        elif mark == b"e":
            depth, place = depth - 1, place + 1
        elif number := _NUMBER.match(torrent, place):
            place = number.end()
        elif length := _LENGTH.match(torrent, place):
            place = length.end() + int(length[1])
        else:
            raise ValueError("no bencoding")
        if depth <= 0:
            return place
        if place >= len(torrent):
            raise ValueError("cut off")
