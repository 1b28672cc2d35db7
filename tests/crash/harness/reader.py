"""Readers around one history: over everything at the end, and one that follows along meanwhile."""

import threading
import time
import zlib

from harness import client
from harness import history as h
from harness.load import PARTITIONS, TOPIC
from rig import api, batch

_EARLIEST, _LATEST = -2, -1
_WHOLE, _SMALL = 1_000_000, 20_000  # partition_max_bytes of the two readers


class Reader:
    """Reads partitions up to their high watermark, and holds each answer to the rules of a fetch."""

    def __init__(self, bootstrap, small_fetches=False):
        self._client = client.Client(bootstrap)
        self._bytes_max = _SMALL if small_fetches else _WHOLE

    def close(self):
        self._client.close()

    def read(self, partition, start=None, seconds=30, topic=TOPIC):
        """One history.Read from `start` (the log start if none) to the high watermark.

        Raises client.BrokerError on an error answer, another RuntimeError when the end is not reached
        in time, and batch.ServedWrong when bytes come that must never be served. Both carry what
        came before as `read`."""
        for _ in range(5):
            try:
                return self._read_once(partition, start, time.monotonic() + seconds, topic)
            except client.BrokerError as error:  # retention passed us: once more from the log start
                if error.code != api.OFFSET_OUT_OF_RANGE:
                    raise
                time.sleep(0.2)
        raise RuntimeError(f"partition {partition}: the log start runs away")

    def bounds(self, partition, seconds=30, topic=TOPIC):
        """Log start and high watermark."""
        return tuple(self.offset_of_time(partition, when, seconds, topic)
                     for when in (_EARLIEST, _LATEST))

    def fetch(self, partition, offset, seconds=10, topic=TOPIC, wait_ms=50):
        """(batches, high watermark) of one answer; the first batch may begin below `offset`."""
        fetched = client.fetch(self._client, topic, partition, offset, self._bytes_max, wait_ms, seconds)
        if fetched.error:
            raise client.BrokerError(f"Fetch of partition {partition} at {offset}", fetched.error)
        where = f"partition {partition} from offset {offset}"
        try:
            found = batch.parse(fetched.records)
        except batch.ServedWrong as wrong:
            raise batch.ServedWrong(f"{where}: {wrong}") from None
        if found and not found[0].base_offset <= offset <= found[0].last_offset:
            raise batch.ServedWrong(f"{where}: the first batch has offsets "
                                      f"{found[0].base_offset} to {found[0].last_offset}")
        if found and found[-1].last_offset >= fetched.high_watermark:
            raise batch.ServedWrong(f"{where}: offset {found[-1].last_offset} came, the high "
                                      f"watermark is {fetched.high_watermark}")
        return found, fetched.high_watermark

    def _read_once(self, partition, start, deadline, topic):
        left = deadline - time.monotonic()
        low, high = self.bounds(partition, left, topic)
        read = h.Read(partition, low if start is None else max(low, start), high, [])
        try:
            self._read_on(read, deadline, topic)
        except (RuntimeError, batch.ServedWrong) as error:
            read.end = read.records[-1][0] + 1 if read.records else read.log_start
            error.read = read
            raise
        return read

    def _read_on(self, read, deadline, topic):
        partition, place, high = read.partition, read.log_start, read.end
        while place < high:
            if time.monotonic() > deadline:
                raise RuntimeError(f"partition {partition}: stuck at {place} of {high}")
            try:
                found, _ = self.fetch(partition, place, 10, topic)
            except OSError:
                time.sleep(0.02)
                continue
            except client.BrokerError as error:
                if error.code not in client.PASSING:
                    raise
                time.sleep(0.05)
                continue
            for one in found:
                read.batches_crc = zlib.crc32(one.raw, read.batches_crc)
                read.records += [r for r in one.records if place <= r[0] < high]
                place = one.last_offset + 1

    def offset_of_time(self, partition, when, seconds=30, topic=TOPIC):
        """The first offset of that time or a later one; -1 where there is none."""
        deadline = time.monotonic() + seconds
        body = api.list_offset_body(topic, when, partition)
        while True:
            code, offset = api.read_list_offset(
                self._client.call(api.LIST_OFFSETS, 1, body, deadline), partition)
            if code == 0:
                return offset
            if code not in client.PASSING or time.monotonic() > deadline:
                raise client.BrokerError(f"ListOffsets of partition {partition}", code)
            time.sleep(0.05)


class Follower:
    """Reads along while the broker is killed and started again: whatever it saw must stay."""

    def __init__(self, bootstrap, history):
        self._history = history
        self._reader = Reader(bootstrap)
        self._places = dict.fromkeys(range(PARTITIONS), 0)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="follower")
        self.answers = 0

    def start(self):
        self._thread.start()

    def stop(self):
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self._reader.close()

    def _work(self):
        while not self._stop.is_set():
            for partition in range(PARTITIONS):
                self._step(partition)
                self._stop.wait(0.02)

    def _step(self, partition):
        place = self._places[partition]
        try:
            found, high = self._reader.fetch(partition, place, 5, wait_ms=0)
        except (OSError, client.BrokerError) as error:
            self._on_error(partition, place, error)
            return
        except batch.ServedWrong as wrong:
            self._history.add_finding("I19", str(wrong))
            return
        self.answers += 1
        records = [record for one in found for record in one.records if record[0] >= place]
        end = records[-1][0] + 1 if records else place
        self._history.add_read(h.Read(partition, place, end, records, high))
        self._places[partition] = end

    def _on_error(self, partition, place, error):
        if getattr(error, "code", None) != api.OFFSET_OUT_OF_RANGE:
            return  # down, on its way down, or not yet up again
        try:
            low, high = self._reader.bounds(partition, 2)
        except RuntimeError:
            return
        if place > high:
            self._history.add_finding(
                "I9", f"partition {partition}: was read up to {place}, now ends at {high}")
        self._places[partition] = low


def read_everything(bootstrap, history):
    """Two readers with different fetch sizes read all partitions from the start."""
    for small_fetches in (False, True):
        reader = Reader(bootstrap, small_fetches)
        try:
            for partition in range(PARTITIONS):
                history.add_read(reader.read(partition))
        finally:
            reader.close()
