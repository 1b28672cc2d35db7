"""The few Kafka requests that no client offers, in their oldest form, on a plain socket.

Used to wait until a broker answers, to make topics for clients that cannot (kcat), and to look at
what really lies in a partition (codec bits of a batch), which no client shows.
"""

import socket
import struct

METADATA = 3
API_PRODUCE, API_FETCH, API_VERSIONS, API_CREATE_TOPICS = 0, 1, 18, 19
API_DELETE_TOPICS, API_INIT_PRODUCER_ID = 20, 22


def string(text):
    raw = text.encode()
    return struct.pack(">h", len(raw)) + raw


def nullable(text):
    return struct.pack(">h", -1) if text is None else string(text)


class Wire:
    """One connection; requests are answered before the next is sent."""

    def __init__(self, bootstrap, timeout=15.0):
        host, port = bootstrap.rsplit(":", 1)
        self._socket = socket.create_connection((host, int(port)), timeout=timeout)
        self._correlation = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def call(self, key, version, body):
        self._correlation += 1
        frame = struct.pack(">hhi", key, version, self._correlation) + string("compat") + body
        self._socket.sendall(struct.pack(">i", len(frame)) + frame)
        size = struct.unpack(">i", self._read(4))[0]
        answer = self._read(size)
        got = struct.unpack(">i", answer[:4])[0]
        if got != self._correlation:
            raise AssertionError(f"correlation id {got}, expected {self._correlation}")
        return answer[4:]

    def _read(self, count):
        parts = []
        while count:
            part = self._socket.recv(min(count, 1 << 20))
            if not part:
                raise ConnectionError("the broker closed the connection")
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def api_versions(self):
        """{api key: (min, max)} as announced to ApiVersions v0."""
        answer = self.call(API_VERSIONS, 0, b"")
        error, count = struct.unpack(">hi", answer[:6])
        if error:
            raise AssertionError(f"ApiVersions v0 answered error {error}")
        triples = struct.iter_unpack(">hhh", answer[6 : 6 + 6 * count])
        return {key: (low, high) for key, low, high in triples}

    def broker_ids(self):
        """Those that Metadata v1 names, asked for no topic."""
        answer = self.call(METADATA, 1, struct.pack(">i", 0))
        count, at, ids = struct.unpack(">i", answer[:4])[0], 4, []
        for _ in range(count):
            ids.append(struct.unpack(">i", answer[at : at + 4])[0])
            at += 4
            length = struct.unpack(">h", answer[at : at + 2])[0]
            at += 2 + length + 4  # the host, and the port
            length = struct.unpack(">h", answer[at : at + 2])[0]
            at += 2 + max(length, 0)  # the rack
        return ids

    def create_topic(self, name, partitions=1, configs=None, replicas=1):
        """CreateTopics v4; returns the error code."""
        body = struct.pack(">i", 1) + string(name) + struct.pack(">ihi", partitions, replicas, 0)
        configs = configs or {}
        body += struct.pack(">i", len(configs))
        for key, value in configs.items():
            body += string(key) + nullable(str(value))
        answer = self.call(API_CREATE_TOPICS, 4, body + struct.pack(">i?", 10000, False))
        at = 8 + 2 + len(name.encode())  # throttle, count, name
        return struct.unpack(">h", answer[at : at + 2])[0]

    def delete_topic(self, name):
        """DeleteTopics v1; returns the error code."""
        body = struct.pack(">i", 1) + string(name) + struct.pack(">i", 10000)
        answer = self.call(API_DELETE_TOPICS, 1, body)
        at = 8 + 2 + len(name.encode())
        return struct.unpack(">h", answer[at : at + 2])[0]

    def init_producer_id(self, transactional_id):
        """InitProducerId v0; returns the error code."""
        answer = self.call(
            API_INIT_PRODUCER_ID, 0, nullable(transactional_id) + struct.pack(">i", 60000)
        )
        return struct.unpack(">h", answer[4:6])[0]

    def batch_codecs(self, topic, partition=0):
        """The codec of each batch of a small partition, read by Fetch v4 from offset 0."""
        names = {0: "none", 1: "gzip", 2: "snappy", 3: "lz4", 4: "zstd"}
        records = self._fetch(topic, partition)
        found = []
        while len(records) >= 61:
            length = struct.unpack(">i", records[8:12])[0]
            attributes = struct.unpack(">h", records[21:23])[0]
            found.append(names[attributes & 7])
            records = records[12 + length :]
        return found

    def _fetch(self, topic, partition):
        size = 16 << 20
        # Fetch v10, the first that serves zstd: no rack id, no forgotten topics, no session.
        body = struct.pack(">iiiibii", -1, 100, 1, size, 0, 0, -1) + struct.pack(">i", 1)
        body += string(topic) + struct.pack(">iiiqqi", 1, partition, -1, 0, -1, size)
        answer = self.call(API_FETCH, 10, body + struct.pack(">i", 0))
        at = 4 + 2 + 4 + 4  # throttle, error, session, topic count
        at += 2 + len(topic.encode()) + 4 + 4  # name, partition count, partition index
        error = struct.unpack(">h", answer[at : at + 2])[0]
        if error:
            raise AssertionError(f"Fetch of {topic}/{partition} answered error {error}")
        at += 2 + 8 + 8 + 8  # error, high watermark, last stable and log start offset
        aborted = struct.unpack(">i", answer[at : at + 4])[0]
        at += 4 + max(aborted, 0) * 16
        length = struct.unpack(">i", answer[at : at + 4])[0]
        return answer[at + 4 : at + 4 + length]
