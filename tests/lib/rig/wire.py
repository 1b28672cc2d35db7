"""One raw connection to the broker: frames in, frames out, and nothing checked on the way."""

import contextlib
import socket
import struct
import time

TIMEOUT_SECONDS = 20


def string(text):
    raw = text.encode()
    return struct.pack(">h", len(raw)) + raw


def nullable(text):
    return struct.pack(">h", -1) if text is None else string(text)


def blob(data):
    return struct.pack(">i", -1) if data is None else struct.pack(">i", len(data)) + data


def array(items):
    return struct.pack(">i", len(items)) + b"".join(items)


def varint(number):
    """Unsigned, as flexible versions write lengths."""
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def compact_string(text):
    return varint(len(text.encode()) + 1) + text.encode()


def compact_array(items):
    return varint(len(items) + 1) + b"".join(items)


def tags(by_number=None):
    """The tag buffer that ends a struct of a flexible version."""
    by_number = by_number or {}
    return varint(len(by_number)) + b"".join(
        varint(number) + varint(len(value)) + value for number, value in sorted(by_number.items()))


def frame(payload):
    return struct.pack(">i", len(payload)) + payload


def request(key, version, correlation, body, client="rig"):
    return frame(struct.pack(">hhi", key, version, correlation) + string(client) + body)


class Answer:
    """Reads a response's fields in order."""

    def __init__(self, data):
        self._data = data
        self._at = 0

    def _take(self, form):
        value = struct.unpack_from(form, self._data, self._at)[0]
        self._at += struct.calcsize(form)
        return value

    def int8(self):
        return self._take(">b")

    def int16(self):
        return self._take(">h")

    def int32(self):
        return self._take(">i")

    def int64(self):
        return self._take(">q")

    def bytes(self, count):
        if self._at + count > len(self._data):
            raise AssertionError("the answer is shorter than it says")
        self._at += count
        return self._data[self._at - count : self._at]

    def string(self):
        length = self.int16()
        return None if length < 0 else self.bytes(length).decode()

    def blob(self):
        length = self.int32()
        return None if length < 0 else self.bytes(length)

    def array(self, read):
        return [read(self) for _ in range(self.int32())]

    def varint(self):
        number = shift = 0
        while True:
            byte = self.bytes(1)[0]
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return number

    def compact_bytes(self):
        length = self.varint()
        return None if length == 0 else self.bytes(length - 1)

    def compact_array(self, read):
        return [read(self) for _ in range(max(self.varint() - 1, 0))]

    def tags(self):
        return {self.varint(): self.bytes(self.varint()) for _ in range(self.varint())}

    def left(self):
        return len(self._data) - self._at


class Closed(ConnectionError):
    pass


class Wire:
    def __init__(self, port, source=None, timeout=TIMEOUT_SECONDS, receive_bytes=None,
                 host="127.0.0.1"):
        self.socket = socket.socket()
        self.socket.settimeout(timeout)
        if receive_bytes is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        if source is not None:
            self.socket.bind((source, 0))
        self.socket.connect((host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._correlation = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def name(self):
        """As the broker's log calls the peer."""
        return "%s:%d" % self.socket.getsockname()

    def send(self, data):
        self.socket.sendall(data)

    def send_request(self, key, version, body):
        """Sends one request; its correlation id."""
        self._correlation += 1
        self.send(request(key, version, self._correlation, body))
        return self._correlation

    def receive(self):
        """One answer as (correlation id, Answer). Raises Closed at the end of the stream."""
        size = struct.unpack(">i", self._read(4))[0]
        data = self._read(size)
        return struct.unpack(">i", data[:4])[0], Answer(data[4:])

    def call(self, key, version, body):
        sent = self.send_request(key, version, body)
        correlation, answer = self.receive()
        if correlation != sent:
            raise AssertionError(f"correlation id {correlation}, sent {sent}")
        return answer

    def _read(self, count):
        parts = []
        while count:
            try:
                part = self.socket.recv(min(count, 1 << 20))
            except ConnectionError:
                raise Closed("reset by the broker") from None
            if not part:
                raise Closed("closed by the broker")
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def closed_within(self, seconds):
        """(whether the broker closes, the bytes that came before)."""
        deadline = time.monotonic() + seconds
        came = 0
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                return False, came
            self.socket.settimeout(left)
            try:
                part = self.socket.recv(1 << 16)
            except TimeoutError:
                return False, came
            except ConnectionError:
                return True, came
            if not part:
                return True, came
            came += len(part)

    def half_close(self):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)


def until(condition, seconds, pause=0.02):
    """The first true value of condition(), or the last one when the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > deadline:
            return value
        time.sleep(pause)
