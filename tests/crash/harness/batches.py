"""Record batches (magic 2) taken apart and held to their rules: the checksum is right, offsets are
dense, a batch is whole. Whatever breaks one is a ServedWrong: a broker must never send it."""

import ctypes
import struct

_PREFIX = 12  # base offset and length
_HEADER = struct.Struct(">qiibIhiqqqhii")
_CRC_FROM = 21
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
    if crc32c(data[at + _CRC_FROM:end]) != crc:
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


def _varint(data, at):
    shift = number = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (number >> 1) ^ -(number & 1), at
        shift += 7


def _block(data, at):
    size, at = _varint(data, at)
    if size < 0:
        return None, at
    if at + size > len(data):
        raise ValueError("a field is longer than its batch")
    return data[at:at + size], at + size


def _records(data, count):
    at, records = 0, []
    for n in range(count):
        size, at = _varint(data, at)
        end = at + size
        delta, at = _varint(data, at + 1)
        number, at = _varint(data, at)
        if number != n:
            raise ValueError(f"record {n} has offset delta {number}")
        key, at = _block(data, at)
        value, at = _block(data, at)
        header_count, at = _varint(data, at)
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
