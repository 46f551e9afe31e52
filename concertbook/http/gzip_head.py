"""Answers that share their beginning: it is compressed once, and each gets an ending of its own."""

import struct
import zlib

# RFC 1952: deflate, no name, no time, unknown system.
HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
# RFC 1951: the last block of a stream, stored as it is.
LAST_STORED = b"\x01"
MOST_STORED = 0xFFFF


class GzipHead:
    """The compressed beginning of answers."""

    def __init__(self, plain: bytes, *, level: int = 9) -> None:
        deflate = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
        self.plain = plain
        # A full flush ends at a byte, so that another block can follow.
        self._deflated = deflate.compress(plain) + deflate.flush(zlib.Z_FULL_FLUSH)
        self._checksum = zlib.crc32(plain)

    def with_tail(self, tail: bytes) -> bytes:
        """The whole answer in gzip; the tail, of at most 64 KiB, is not compressed."""
        size = len(tail)
        stored = LAST_STORED + struct.pack("<HH", size, size ^ MOST_STORED) + tail
        total = (len(self.plain) + size) & 0xFFFFFFFF
        trailer = struct.pack("<II", zlib.crc32(tail, self._checksum), total)
        return b"".join([HEADER, self._deflated, stored, trailer])
