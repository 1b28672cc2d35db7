"""Record batches of format 2, made and taken apart by hand, so that they can be made wrong."""

import struct
import zlib

NO_PRODUCER = -1
CODEC = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
CRC_AT = 17
ATTRIBUTES_AT = 21
MAGIC_AT = 16
HEADER_BYTES = 61


def _table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


_TABLE = _table()


def crc32c(data):
    crc = 0xFFFFFFFF
    table = _TABLE
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def varint(value):
    """Zigzag, as the lengths and deltas of a record are."""
    value = (value << 1) ^ (value >> 63)
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1), at


def record(delta, value, key=None):
    body = b"\0" + varint(0) + varint(delta)
    body += varint(-1) if key is None else varint(len(key)) + key
    body += varint(len(value)) + value + varint(0)
    return varint(len(body)) + body


def batch(values, producer=NO_PRODUCER, epoch=-1, sequence=-1, timestamp=1_700_000_000_000,
          attributes=0, payload=None, count=None, last_delta=None):
    """A whole batch. `payload` stands in for the encoded records, `count` and `last_delta` for what
    the header says of them."""
    if payload is None:
        payload = b"".join(record(i, value) for i, value in enumerate(values))
    count = len(values) if count is None else count
    last_delta = count - 1 if last_delta is None else last_delta
    tail = struct.pack(">hiqqqhii", attributes, last_delta, timestamp, timestamp, producer, epoch,
                       sequence, count) + payload
    head = struct.pack(">qiib", 0, 9 + len(tail), -1, 2)
    return head + struct.pack(">I", crc32c(tail)) + tail


def with_byte(data, at, value):
    return data[:at] + bytes([value]) + data[at + 1 :]


def records_of(data):
    """[(offset, value)] of uncompressed batches; what is cut off at the end is left out."""
    found = []
    while len(data) >= HEADER_BYTES:
        base, length = struct.unpack_from(">qi", data)
        if len(data) < 12 + length:
            break
        count = struct.unpack_from(">i", data, 57)[0]
        at = HEADER_BYTES
        for _ in range(count):
            _, at = _read_varint(data, at)
            at += 1  # attributes
            _, at = _read_varint(data, at)
            delta, at = _read_varint(data, at)
            key_bytes, at = _read_varint(data, at)
            at += max(key_bytes, 0)
            size, at = _read_varint(data, at)
            found.append((base + delta, bytes(data[at : at + size])))
            at += size
            headers, at = _read_varint(data, at)
            if headers:
                raise ValueError("no record of ours has headers")
        data = data[12 + length :]
    return found


def old_message(magic, value=b"old"):
    """A message set of format 0 or 1 with one message."""
    body = struct.pack(">bb", magic, 0) + (struct.pack(">q", 1_700_000_000_000) if magic else b"")
    body += struct.pack(">i", -1) + struct.pack(">i", len(value)) + value
    return struct.pack(">qiI", 0, 4 + len(body), zlib.crc32(body)) + body
