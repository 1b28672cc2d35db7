"""Record batches of format 2: made by hand, so that they can be made wrong; and taken apart and held to
their rules: the checksum is right, offsets are dense, a batch is whole. Whatever breaks one is a
ServedWrong: a broker must never send it."""

import ctypes
import struct
import zlib

NO_PRODUCER = -1
MAGIC_AT, CRC_AT, ATTRIBUTES_AT = 16, 17, 21
_PREFIX = 12  # base offset and length
_HEADER = struct.Struct(">qiibIhiqqqhii")
_APPEND_TIME = 8
_CONTROL = 32

# Hardware CRC32C: a loop in Python would take longer than everything else. `crc32_iscsi` neither
# starts from nor ends with inverted bits.
_isal = ctypes.CDLL("libisal.so.2")
_isal.crc32_iscsi.argtypes = [ctypes.c_char_p, ctypes.c_int, ctypes.c_uint]
_isal.crc32_iscsi.restype = ctypes.c_uint


def crc32c(data):
    return _isal.crc32_iscsi(data, len(data), 0xFFFFFFFF) ^ 0xFFFFFFFF


assert crc32c(b"123456789") == 0xE3069283


def varint(value):
    """Zigzag, as the lengths and deltas of a record are."""
    value = (value << 1) ^ (value >> 63)
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


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


def old_message(magic, value=b"old"):
    """A message set of format 0 or 1 with one message."""
    body = struct.pack(">bb", magic, 0) + (struct.pack(">q", 1_700_000_000_000) if magic else b"")
    body += struct.pack(">i", -1) + struct.pack(">i", len(value)) + value
    return struct.pack(">qiI", 0, 4 + len(body), zlib.crc32(body)) + body


class ServedWrong(Exception):
    """Bytes that no broker may serve. Not a RuntimeError: an error answer it is not."""


class Batch:
    """`raw` is all of it as it came, `records` as (offset, key, value, headers, timestamp)."""

    def __init__(self, base_offset, last_offset, leader_epoch, raw, records):
        self.base_offset = base_offset
        self.last_offset = last_offset
        self.leader_epoch = leader_epoch
        self.raw = raw
        self.records = records


def parse(data):
    """The batches of a fetch answer's bytes, which must join up and end with a whole one."""
    at, batches = 0, []
    while at < len(data):
        batch, at = _batch(data, at)
        if batches and batch.base_offset != batches[-1].last_offset + 1:
            raise ServedWrong(f"after offset {batches[-1].last_offset} comes a batch of base "
                              f"offset {batch.base_offset}")
        if batches and batch.leader_epoch < batches[-1].leader_epoch:
            raise ServedWrong(f"the leader epoch falls at offset {batch.base_offset}")
        batches.append(batch)
    return batches


def records_of(data):
    """[(offset, value)] of batches; what is cut off at the end is left out."""
    end = 0
    while len(data) - end >= _HEADER.size:
        size = _PREFIX + struct.unpack_from(">i", data, end + 8)[0]
        if len(data) - end < size:
            break
        end += max(size, _HEADER.size)  # parse() tells what is wrong with a smaller one
    return [(offset, value) for batch in parse(data[:end]) for offset, _, value, *_ in batch.records]


def _batch(data, at):
    if len(data) - at < _HEADER.size:
        raise ServedWrong(f"{len(data) - at} bytes behind the last batch")
    (base, length, epoch, magic, crc, attributes, last_delta, first_time, max_time, _, _, _,
     count) = _HEADER.unpack_from(data, at)
    end = at + _PREFIX + length
    where = f"the batch at offset {base}"
    if length < _HEADER.size - _PREFIX or end > len(data):
        raise ServedWrong(f"{where} announces {length} bytes, {len(data) - at - _PREFIX} are there")
    if magic != 2:
        raise ServedWrong(f"{where} has magic {magic}")
    if crc32c(data[at + ATTRIBUTES_AT:end]) != crc:
        raise ServedWrong(f"{where} has a wrong checksum")
    if attributes & 7 or attributes & _CONTROL:
        raise ServedWrong(f"{where} has attributes {attributes:#x}, which nobody here sent")
    if count != last_delta + 1 or count < 1:
        raise ServedWrong(f"{where} has {count} records and a last offset delta of {last_delta}")
    try:
        records = _records(data[at + _HEADER.size:end], count)
    except (IndexError, ValueError) as error:
        raise ServedWrong(f"{where}: {error}") from None
    log_time = max_time if attributes & _APPEND_TIME else None
    return Batch(base, base + last_delta, epoch, data[at:end], [
        (base + n, key, value, headers, first_time + delta if log_time is None else log_time)
        for n, (delta, key, value, headers) in enumerate(records)]), end


def _read_varint(data, at):
    shift = number = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (number >> 1) ^ -(number & 1), at
        shift += 7


def _block(data, at):
    size, at = _read_varint(data, at)
    if size < 0:
        return None, at
    if at + size > len(data):
        raise ValueError("a field is longer than its batch")
    return data[at:at + size], at + size


def _records(data, count):
    at, records = 0, []
    for n in range(count):
        size, at = _read_varint(data, at)
        end = at + size
        delta, at = _read_varint(data, at + 1)
        number, at = _read_varint(data, at)
        if number != n:
            raise ValueError(f"record {n} has offset delta {number}")
        key, at = _block(data, at)
        value, at = _block(data, at)
        header_count, at = _read_varint(data, at)
        headers = []
        for _ in range(header_count):
            name, at = _block(data, at)
            content, at = _block(data, at)
            headers.append((name.decode(), content))
        if at != end:
            raise ValueError(f"record {n} announces another length than it has")
        records.append((delta, key, value, headers))
    if at != len(data):
        raise ValueError("bytes behind the last record")
    return records
