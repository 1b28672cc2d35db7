"""Records that name their writer: key, value, header and timestamp all follow from (producer,
partition, counter), so every record is unique, and damage or a wrong place shows without looking
anywhere else."""

import struct
import zlib

BASE_TIMESTAMP = 1_700_000_000_000
_HEAD = struct.Struct(">4sIIQI")  # magic, producer, partition, counter, length of the pattern
_MAGIC = b"SLCT"


def value_of(producer, partition, counter):
    # Mostly small, sometimes large enough to span pages.
    length = zlib.crc32(struct.pack(">III", producer, partition, counter))
    length = 8000 + length % 4000 if length % 64 == 0 else length % 300
    head = _HEAD.pack(_MAGIC, producer, partition, counter, length)
    pattern = (head * (length // len(head) + 1))[:length]
    body = head + pattern
    return body + struct.pack(">I", zlib.crc32(body))


def key_of(producer, counter):
    return b"p%d-%d" % (producer, counter)


def timestamp_of(producer, counter):
    return BASE_TIMESTAMP + producer + counter * 7


def headers_of(producer, counter):
    return [("writer", b"%d" % producer), ("n", b"%d" % counter)]


def identify(value):
    """(producer, partition, counter) of a value, or None when no client of ours made it."""
    if value is None or len(value) < _HEAD.size + 4:
        return None
    magic, producer, partition, counter, _ = _HEAD.unpack_from(value)
    if magic != _MAGIC or zlib.crc32(value[:-4]) != struct.unpack(">I", value[-4:])[0]:
        return None
    return producer, partition, counter
