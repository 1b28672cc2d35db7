"""Producers that never give up, and readers, around one history."""

import threading
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from harness import history as h

TOPIC = "crash"
PARTITIONS = 3
WEAK = 3  # the number of the producer with acks=1
OUTSTANDING_MAX = 200


def create_topic(bootstrap, config=None, topic=TOPIC, seconds=20):
    admin = AdminClient({"bootstrap.servers": bootstrap})
    new = NewTopic(topic, PARTITIONS, 1, config=config or {})
    try:
        admin.create_topics([new], request_timeout=seconds)[topic].result(seconds)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise


class LoadProducer:
    """One producer on its own thread, spreading its records over all partitions."""

    def __init__(self, number, bootstrap, history, pause=0.0015):
        self.number = number
        self.fatal = None
        self.unknown = 0
        self._history = history
        self._pause = pause
        self._outstanding = 0
        self._stop = threading.Event()
        strong = number not in history.weak
        self._producer = Producer({
            "bootstrap.servers": bootstrap,
            "acks": "all" if strong else "1",
            "enable.idempotence": strong,
            "linger.ms": 1,
            "message.timeout.ms": 300_000,
            "reconnect.backoff.ms": 10,
            "reconnect.backoff.max.ms": 60,
            "retry.backoff.ms": 20,
            "message.send.max.retries": 1_000_000,
            "topic.metadata.refresh.interval.ms": 2000,
            "socket.nagle.disable": True,
            "log_level": 0,
        }, logger=None)
        self._thread = threading.Thread(target=self._work, name=f"producer-{number}")

    def start(self):
        self._thread.start()

    def in_flight(self):
        return self._outstanding

    def _work(self):
        turn = 0
        while not self._stop.is_set():
            if self._outstanding < OUTSTANDING_MAX:
                self._send(turn % PARTITIONS)
                turn += 1
            self._producer.poll(self._pause)

    def _send(self, partition):
        counter = self._history.invoke(self.number, partition)
        self._outstanding += 1
        try:
            self._producer.produce(
                TOPIC, partition=partition, key=h.key_of(self.number, counter),
                value=h.value_of(self.number, partition, counter),
                headers=h.headers_of(self.number, counter),
                timestamp=h.timestamp_of(self.number, counter),
                on_delivery=lambda error, message, c=counter: self._delivered(error, message, c),
            )
        except KafkaException as error:  # a fatal error of the idempotent producer
            self._outstanding -= 1
            self.fatal = error
            self._history.fail(self.number, partition, counter)
            self._stop.set()

    def _delivered(self, error, message, counter):
        self._outstanding -= 1
        if error is None:
            self._history.ack(self.number, message.partition(), counter, message.offset())
            return
        self.unknown += 1
        if error.fatal() or error.code() == KafkaError._FATAL:
            self.fatal = error

    def stop(self):
        self._stop.set()
        self._thread.join()

    def flush(self, seconds):
        """Waits for the answers; how many never came."""
        self._producer.flush(max(0, seconds))
        return self._outstanding + self.unknown


class Load:
    def __init__(self, bootstrap, history, producers=3, pause=0.0015):
        numbers = list(range(producers)) + sorted(history.weak)
        self.producers = [LoadProducer(n, bootstrap, history, pause) for n in numbers]
        self._history = history

    def start(self):
        for producer in self.producers:
            producer.start()

    def strong(self):
        return [p for p in self.producers if p.number not in self._history.weak]

    def wait_for_acks(self, count, seconds):
        """True once `count` more records were acknowledged."""
        target = self._history.ack_count() + count
        deadline = time.monotonic() + seconds
        while self._history.ack_count() < target:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.005)
        return True

    def in_flight(self):
        return min(producer.in_flight() for producer in self.strong())

    def fatal(self):
        return [f"producer {p.number}: {p.fatal}" for p in self.producers if p.fatal]

    def finish(self, seconds=60):
        """How many records of strong producers never got an answer."""
        for producer in self.producers:
            producer.stop()
        deadline = time.monotonic() + seconds
        left = {p.number: p.flush(deadline - time.monotonic()) for p in self.producers}
        return sum(count for number, count in left.items() if number not in self._history.weak)


class _Retained(Exception):
    pass


class Reader:
    """Reads partitions up to their high watermark, checking CRCs."""

    def __init__(self, bootstrap, small_fetches=False):
        self._consumer = Consumer({
            "bootstrap.servers": bootstrap,
            "group.id": "crash-reader",
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "enable.partition.eof": True,
            "check.crcs": True,
            "fetch.message.max.bytes": 20_000 if small_fetches else 1_000_000,
            "fetch.wait.max.ms": 50,
            "reconnect.backoff.ms": 10,
            "reconnect.backoff.max.ms": 60,
            "log_level": 0,
        }, logger=None)

    def close(self):
        self._consumer.close()

    def read(self, partition, start=None, seconds=30, topic=TOPIC):
        """One history.Read from `start` (the log start if none) to the high watermark.

        Raises RuntimeError on an error of the broker or when the end is not reached in time."""
        for _ in range(5):
            try:
                return self._read_once(partition, start, seconds, topic)
            except _Retained:  # the log start passed us: once more from there
                time.sleep(0.2)
        raise RuntimeError(f"partition {partition}: the log start runs away")

    def _read_once(self, partition, start, seconds, topic):
        place = TopicPartition(topic, partition)
        low, high = self._watermarks(place, seconds)
        place.offset = low if start is None else max(low, start)
        read = h.Read(partition, place.offset, high, [])
        self._consumer.assign([place])
        deadline = time.monotonic() + seconds
        while place.offset < high:
            message = self._consumer.poll(0.2)
            if time.monotonic() > deadline:
                raise RuntimeError(f"partition {partition}: stuck at {place.offset} of {high}")
            if message is None:
                continue
            if message.error():
                if message.error().code() == KafkaError._PARTITION_EOF or _is_passing(message):
                    continue
                if message.error().code() == KafkaError._AUTO_OFFSET_RESET and not read.records:
                    raise _Retained
                raise RuntimeError(f"partition {partition}: {message.error()}")
            if message.offset() >= high:
                break
            read.records.append((message.offset(), message.key(), message.value(),
                                 message.headers() or [], message.timestamp()[1]))
            place.offset = message.offset() + 1
        self._consumer.unassign()
        return read

    def _watermarks(self, place, seconds):
        deadline = time.monotonic() + seconds
        while True:
            try:
                return self._consumer.get_watermark_offsets(place, timeout=2)
            except KafkaException as error:
                if time.monotonic() > deadline:
                    raise RuntimeError(f"no watermarks: {error}") from None
                time.sleep(0.05)


def _is_passing(message):
    """Errors of a connection that is gone: the client makes a new one."""
    return message.error().code() in (
        KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._RESOLVE,
        KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE,
    )


def read_everything(bootstrap, history):
    """Two readers with different fetch sizes read all partitions from the start."""
    for small_fetches in (False, True):
        reader = Reader(bootstrap, small_fetches)
        try:
            for partition in range(PARTITIONS):
                history.add_read(reader.read(partition))
        finally:
            reader.close()
