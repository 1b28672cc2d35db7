"""The little of the Kafka protocol that the readers need, spoken without a client library: what the
broker sent can be judged byte by byte, and a broker that dies under the reader harms nobody."""

import socket
import struct
import time

FETCH, LIST_OFFSETS, METADATA, CREATE_TOPICS, DESCRIBE_PRODUCERS = 1, 2, 3, 19, 61
FLEXIBLE = {DESCRIBE_PRODUCERS}  # in the version that is used here
EARLIEST, LATEST = -2, -1

NAMES = {
    -1: "UNKNOWN_SERVER_ERROR", 1: "OFFSET_OUT_OF_RANGE", 2: "CORRUPT_MESSAGE",
    3: "UNKNOWN_TOPIC_OR_PARTITION", 5: "LEADER_NOT_AVAILABLE", 6: "NOT_LEADER_OR_FOLLOWER",
    7: "REQUEST_TIMED_OUT", 36: "TOPIC_ALREADY_EXISTS", 56: "KAFKA_STORAGE_ERROR",
    78: "OFFSET_NOT_AVAILABLE",
}
OFFSET_OUT_OF_RANGE, UNKNOWN_TOPIC_OR_PARTITION, TOPIC_ALREADY_EXISTS = 1, 3, 36
PASSING = {5, 6, 7, 78}  # whoever gets one asks again


class BrokerError(RuntimeError):
    """The broker answered with an error code."""

    def __init__(self, where, code):
        super().__init__(f"{where}: {NAMES.get(code, f'error {code}')}")
        self.code = code


class Cursor:
    """Takes an answer apart, field by field."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    def _number(self, form, size):
        value = struct.unpack_from(form, self.data, self.at)[0]
        self.at += size
        return value

    def int16(self):
        return self._number(">h", 2)

    def int32(self):
        return self._number(">i", 4)

    def int64(self):
        return self._number(">q", 8)

    def small(self):
        """A length of a flexible version, below 128."""
        return self._number(">B", 1)

    def flag(self):
        return self._number(">b", 1) != 0

    def _take(self, size):
        if size < 0:
            return None
        value = self.data[self.at:self.at + size]
        if len(value) != size:
            raise struct.error(f"{size} bytes announced, {len(value)} there")
        self.at += size
        return value

    def text(self):
        value = self._take(self.int16())
        return None if value is None else value.decode()

    def bytes(self):
        return self._take(self.int32()) or b""

    def each(self):
        return range(self.int32())


def text(value):
    if value is None:
        return struct.pack(">h", -1)
    return struct.pack(">h", len(value)) + value.encode()


class Client:
    """One connection, made again when it is gone. Not for several threads at a time."""

    def __init__(self, bootstrap):
        host, port = bootstrap.rsplit(":", 1)
        self._address = host, int(port)
        self._socket = None
        self._correlation = 0

    def close(self):
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def call_once(self, key, version, body, seconds=10):
        """A cursor behind the header of the answer; OSError when the connection is gone."""
        try:
            if self._socket is None:
                self._socket = socket.create_connection(self._address, timeout=seconds)
            self._socket.settimeout(seconds)
            self._correlation += 1
            frame = struct.pack(">hhi", key, version, self._correlation) + text("reader")
            frame += (b"\0" if key in FLEXIBLE else b"") + body
            self._socket.sendall(struct.pack(">i", len(frame)) + frame)
            answer = Cursor(self._receive(struct.unpack(">i", self._receive(4))[0]))
        except OSError:
            self.close()
            raise
        if answer.int32() != self._correlation:
            raise AssertionError("an answer to another request")
        return answer

    def call(self, key, version, body, deadline):
        """The same, asked again on new connections until the deadline."""
        while True:
            try:
                return self.call_once(key, version, body, max(0.1, deadline - time.monotonic()))
            except OSError as error:
                if time.monotonic() > deadline:
                    raise RuntimeError(f"no answer: {error}") from None
                time.sleep(0.02)

    def _receive(self, size):
        parts = []
        while size > 0:
            part = self._socket.recv(min(size, 1 << 20))
            if not part:
                raise ConnectionResetError("closed by the broker")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


def list_offsets_body(topic, partition, when):
    return (struct.pack(">ii", -1, 1) + text(topic) + struct.pack(">iiq", 1, partition, when))


def list_offsets_answer(answer):
    """(error code, offset) of the only partition of an answer of version 1."""
    answer.int32(), answer.text(), answer.int32(), answer.int32()
    code, _, offset = answer.int16(), answer.int64(), answer.int64()
    return code, offset


def fetch_body(topic, partition, offset, partition_bytes, wait_ms):
    """Version 11, without a session."""
    return (struct.pack(">iiiibiii", -1, wait_ms, 1, 50 << 20, 0, 0, -1, 1) + text(topic)
            + struct.pack(">iiiqqi", 1, partition, -1, offset, -1, partition_bytes)
            + struct.pack(">i", 0) + text(""))


class Fetched:
    """The only partition of a Fetch answer of version 11."""

    def __init__(self, answer):
        answer.int32()
        self.code = answer.int16()
        answer.int32()
        self.records = b""
        self.high_watermark = self.log_start = -1
        for _ in answer.each():
            answer.text()
            for _ in answer.each():
                answer.int32()
                self.code = answer.int16() or self.code
                self.high_watermark, _, self.log_start = (
                    answer.int64(), answer.int64(), answer.int64())
                for _ in answer.each():
                    answer.int64(), answer.int64()
                answer.int32()
                self.records = answer.bytes()
        if answer.at != len(answer.data):
            raise AssertionError("bytes behind the last field of a Fetch answer")


def describe_producers(client, topic, partition, seconds=10):
    """[(producer id, epoch, last sequence)] of a partition, from an answer of version 0."""
    name = topic.encode()
    body = bytes([2, len(name) + 1]) + name + bytes([2]) + struct.pack(">i", partition) + bytes(2)
    answer = client.call(DESCRIBE_PRODUCERS, 0, body, time.monotonic() + seconds)
    answer.at = len(answer.data) - answer.data[::-1].index(name[::-1]) + 1  # at the partition
    partition, code, _ = answer.int32(), answer.int16(), answer.small()
    if code:
        raise BrokerError(f"DescribeProducers of partition {partition}", code)
    producers = []
    for _ in range(answer.small() - 1):
        producers.append((answer.int64(), answer.int32(), answer.int32()))
        answer.at += 8 + 4 + 8 + 1
    return sorted(producers)


def create_topic(client, topic, partitions, config, seconds=10):
    """The error code of one try in version 2; OSError when no answer came."""
    body = struct.pack(">i", 1) + text(topic) + struct.pack(">ihii", partitions, 1, 0, len(config))
    for key, value in config.items():
        body += text(key) + text(value)
    answer = client.call_once(CREATE_TOPICS, 2, body + struct.pack(">ib", int(seconds * 1000), 0),
                              seconds)
    answer.int32(), answer.int32(), answer.text()
    return answer.int16()


def partition_count(client, topic, seconds=10):
    """(error code, partitions) as Metadata of version 4 tells, without creating the topic."""
    body = struct.pack(">i", 1) + text(topic) + struct.pack(">b", 0)
    answer = client.call(METADATA, 4, body, time.monotonic() + seconds)
    answer.int32()
    for _ in answer.each():
        answer.int32(), answer.text(), answer.int32(), answer.text()
    answer.text(), answer.int32(), answer.int32()
    code, _, _ = answer.int16(), answer.text(), answer.flag()
    return code, answer.int32()
