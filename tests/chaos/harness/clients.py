"""Producers and readers that never give up, around one history. Some speak the protocol by hand, so
that each answer can be judged; librdkafka's are what people use; those of client/ are ours."""

import contextlib
import itertools
import random
import threading
import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Producer
from confluent_kafka import TopicPartition

from harness import strandline
from harness.history import Ack, Change, End, Fetch
from rig import api, signed
from rig.batch import ServedWrong, batch, parse
from rig.wire import Wire
from rig.writer import RETRIABLE

TOPIC = "chaos"
PARTITIONS = 4
ANSWER_SECONDS = 2.5  # a cut link drops packets silently; whoever waits longer only waits
OUTSTANDING_MAX = 100

now = time.monotonic


class Route:
    """A connection to the leader of a partition, or to a follower, as the newest metadata that any
    broker told names them."""

    def __init__(self, cluster, partition, prng, topic=TOPIC):
        self.cluster, self.topic, self.partition = cluster, topic, partition
        self.leader_epoch = -1
        self.broker = self.role = None
        self.wire = None
        self._prng = prng

    def close(self):
        if self.wire is not None:
            self.wire.close()
        self.wire = None

    def connect(self, follower=False):
        nodes = [node for node, broker in self.cluster.brokers.items() if broker.alive()]
        self._prng.shuffle(nodes)
        for node in nodes:
            try:
                with self._to(node, 1) as any_broker:
                    led = api.leadership(any_broker, self.topic).get(self.partition)
                if led is None or led.leader_epoch < self.leader_epoch or led.leader < 0:
                    continue
                self.leader_epoch = led.leader_epoch
                others = [each for each in led.isr if each != led.leader]
                target = self._prng.choice(others) if follower and others else led.leader
                self.wire = self._to(target, ANSWER_SECONDS)
                self.broker = target
                self.role = "leader" if target == led.leader else "follower"
                return True
            except (OSError, AssertionError, KeyError):
                continue
        return False

    def _to(self, node, timeout):
        broker = self.cluster[node]
        return Wire(broker.port, timeout=timeout, host=broker.host)


class _Worker:
    def __init__(self, name):
        self.failed = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._guarded, name=name, daemon=True)
        self.name = name

    def start(self):
        self._thread.start()

    def stop(self):
        self._stop.set()

    def join(self, seconds):
        self._thread.join(max(0.0, seconds))
        return not self._thread.is_alive()

    def _guarded(self):
        try:
            self._work()
        except Exception as error:  # a client of ours that breaks is a failure of the run
            self.failed = f"{self.name}: {type(error).__name__}: {error}"


class OwnProducer(_Worker):
    """Idempotent, one partition, one batch at a time."""

    def __init__(self, number, partition, cluster, history, seed, pause=0.025):
        super().__init__(f"producer-{number}")
        self.number, self.partition = number, partition
        self._history, self._pause = history, pause
        self._prng = random.Random(f"{seed}/{number}")
        self._route = Route(cluster, partition, self._prng)
        self._deadline = float("inf")
        self._producer = None
        self._sequence = 0

    def give_up_after(self, seconds):
        self._deadline = now() + seconds

    def _work(self):
        while self._producer is None and not self._stop.is_set():
            got = self._once(api.init_producer_id)
            if got is not None and got[0] == 0:
                self._producer = got[1:]
            else:
                time.sleep(0.05)
        while not self._stop.is_set():
            self._write(self._prng.choice((1, 1, 2, 5)))
            self._stop.wait(self._pause * self._prng.uniform(0.2, 1.8))
        self._route.close()

    def _write(self, count):
        began = now()
        counters = [self._history.send(self.number, self.partition, began) for _ in range(count)]
        values = [signed.value_of(self.number, self.partition, counter) for counter in counters]
        records = batch(values, *self._producer, self._sequence)
        while now() < self._deadline:
            got = self._once(lambda wire: api.produce(wire, TOPIC, records, self.partition,
                                                      timeout=1_500))
            if got is not None and got.error == 0:
                ended = now()
                for place, counter in enumerate(counters):
                    self._history.acks.append(Ack(self.number, self.partition, counter,
                                                  got.offset + place, began, ended,
                                                  self._route.broker))
                self._sequence += count
                return
            if got is not None:
                self._refused(got.error)
            time.sleep(0.02)

    def _refused(self, error):
        self._history.error(error)
        if error not in RETRIABLE:
            self._history.finding(
                "I21", f"partition {self.partition}: producer {self.number} was answered with error "
                f"{error} by broker {self._route.broker} at sequence {self._sequence}, {now():.3f}")
            time.sleep(0.2)
        self._route.close()

    def _once(self, work):
        if self._route.wire is None and not self._route.connect():
            return None
        try:
            return work(self._route.wire)
        except (OSError, AssertionError):
            self._route.close()
            return None


class RdProducer(_Worker):
    """librdkafka's, idempotent, over all partitions, many requests at a time. When it ends for good
    another takes its place, with the next number; whether it had reason to is judged by others."""

    def __init__(self, number, cluster, history, seed, pause=0.02):
        super().__init__(f"librdkafka-producer-{number}")
        self.number = number
        self._bootstrap, self._history, self._pause = cluster.bootstrap, history, pause
        self._prng = random.Random(f"{seed}/{number}")
        self._make()

    def _make(self):
        self._outstanding = 0
        self._producer = Producer({
            "bootstrap.servers": self._bootstrap,
            "acks": "all",
            "enable.idempotence": True,
            "linger.ms": 2,
            "message.timeout.ms": 300_000,
            "request.timeout.ms": 3_000,
            "socket.timeout.ms": 4_000,
            "socket.connection.setup.timeout.ms": 2_000,
            "reconnect.backoff.ms": 20,
            "reconnect.backoff.max.ms": 300,
            "retry.backoff.ms": 30,
            "message.send.max.retries": 1_000_000,
            "topic.metadata.refresh.interval.ms": 2_000,
            "log_level": 0,
        }, logger=None)

    def _work(self):
        while not self._stop.is_set():
            try:
                if self._outstanding < OUTSTANDING_MAX:
                    self._send(self._prng.randrange(PARTITIONS))
                self._producer.poll(self._pause)
            except KafkaException as error:  # from either, and only when it is fatal
                self._history.retired.append((now(), self.number, str(error)))
                self.number += 1
                self._make()

    def _send(self, partition):
        began, number = now(), self.number
        counter = self._history.send(number, partition, began)
        self._outstanding += 1
        self._producer.produce(
            TOPIC, partition=partition, value=signed.value_of(number, partition, counter),
            on_delivery=lambda error, message: self._delivered(error, message, number, counter, began))

    def _delivered(self, error, message, number, counter, began):
        if number == self.number:
            self._outstanding -= 1
        if error is None:
            self._history.acks.append(Ack(number, message.partition(), counter, message.offset(), began,
                                          now(), None))
        else:
            self._history.error(error.code())

    def flush(self, seconds):
        """What was sent before must be answered; call it when the thread has ended."""
        with contextlib.suppress(KafkaException):  # what has no answer shows in the history
            self._producer.flush(max(0.1, seconds))


class OwnReader(_Worker):
    """Reads on along one partition at its leader, and sees each high watermark."""

    def __init__(self, name, partition, cluster, history, seed):
        super().__init__(name)
        self.partition, self._history = partition, history
        self._prng = random.Random(f"{seed}/{name}")
        self.route = Route(cluster, partition, self._prng)
        self.place = 0

    def _work(self):
        while not self._stop.is_set():
            if self.step() is None:
                self._stop.wait(0.05)
        self.route.close()

    def step(self, wait_ms=150, bytes_max=1 << 20, follower=False, until=None):
        """One answer taken down: the Fetch, or None when there was none."""
        if self.route.wire is None and not self.route.connect(follower):
            return None
        route, place, began = self.route, self.place, now()
        try:
            got = api.fetch_in_epoch(route.wire, TOPIC, self.partition, place, route.leader_epoch,
                                     wait_ms, 8192 if wait_ms else 1, bytes_max)
            if got.error:
                self._on_error(got.error)
                return None
            found = self._taken_apart(got)
        except (OSError, AssertionError):
            route.close()
            return None
        except ServedWrong as wrong:
            self._history.finding("I19", f"partition {self.partition} from offset {place} at broker "
                                  f"{route.broker}: {wrong}")
            route.close()
            return None
        records = [(offset, _name(value, self.partition), each.leader_epoch)
                   for each in found for offset, _, value, *_ in each.records
                   if offset >= place and (until is None or offset < until)]
        fetch = Fetch(self.name, self.partition, began, now(), route.broker, route.role,
                      route.leader_epoch, place, got.high_watermark, records)
        self._history.fetches.append(fetch)
        self.place = records[-1][0] + 1 if records else place
        return fetch

    def _taken_apart(self, got):
        found = parse(got.records)
        if found and not found[0].base_offset <= self.place <= found[0].last_offset:
            raise ServedWrong(f"the first batch has offsets {found[0].base_offset} to "
                              f"{found[0].last_offset}")
        if found and found[-1].last_offset >= got.high_watermark:
            raise ServedWrong(f"offset {found[-1].last_offset} came, the high watermark is "
                              f"{got.high_watermark}")
        return found

    def _on_error(self, error):
        route = self.route
        if error == api.OFFSET_OUT_OF_RANGE and route.role == "leader":
            self._history.finding(
                "I9", f"partition {self.partition}: {self.name} was at {self.place}, broker "
                f"{route.broker} as the leader of epoch {route.leader_epoch} knows no such offset, "
                f"{now():.3f}")
            self._stop.wait(0.2)
        self._history.error(error)
        route.close()


class Rereader(_Worker):
    """Reads old records again, at leaders and in-sync followers, from anywhere in the log; and asks
    for the end."""

    def __init__(self, name, cluster, history, seed, pause=0.1):
        super().__init__(name)
        self._history, self._pause = history, pause
        self._prng = random.Random(f"{seed}/{name}")
        self._readers = [OwnReader(name, p, cluster, history, seed) for p in range(PARTITIONS)]
        self._tops = dict.fromkeys(range(PARTITIONS), 0)

    def _work(self):
        while not self._stop.is_set():
            partition = self._prng.randrange(PARTITIONS)
            reader = self._readers[partition]
            reader.place = self._prng.randrange(self._tops[partition] + 1)
            at_follower = self._prng.random() < 0.5
            for _ in range(3):
                if reader.step(0, 1 << 16, at_follower) is None:
                    break
                self._tops[partition] = max(self._tops[partition], reader.place)
            self._ask_end(reader.route, partition)
            reader.route.close()  # the next time it may be another replica's turn
            self._stop.wait(self._pause)

    def _ask_end(self, route, partition):
        if route.wire is None or route.role != "leader":
            return
        began = now()
        try:
            error, offset = api.list_offset_in_epoch(route.wire, TOPIC, -1, partition,
                                                     route.leader_epoch)
        except (OSError, AssertionError):
            return
        if error == 0:
            self._history.ends.append(End(self.name, partition, began, now(), route.broker,
                                          route.leader_epoch, offset))


class RdConsumer(_Worker):
    """librdkafka's, with partitions assigned by hand from their start."""

    def __init__(self, name, cluster, history):
        super().__init__(name)
        self._history = history
        self._consumer = Consumer({
            "bootstrap.servers": cluster.bootstrap,
            "group.id": name,
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "fetch.wait.max.ms": 200,
            "fetch.min.bytes": 8192,
            "socket.timeout.ms": 4_000,
            "socket.connection.setup.timeout.ms": 2_000,
            "reconnect.backoff.ms": 20,
            "reconnect.backoff.max.ms": 300,
            "topic.metadata.refresh.interval.ms": 2_000,
            "log_level": 0,
        }, logger=None)
        self.places = dict.fromkeys(range(PARTITIONS), 0)

    def _work(self):
        self._consumer.assign([TopicPartition(TOPIC, p, OFFSET_BEGINNING) for p in range(PARTITIONS)])
        while not self._stop.is_set():
            began = now()
            by_partition = {}
            for message in self._consumer.consume(500, 0.2):
                if message.error() is not None:
                    if message.error().code() == KafkaError._AUTO_OFFSET_RESET:
                        self._history.finding("I9", f"{self.name}: {message.error()}")
                    continue
                by_partition.setdefault(message.partition(), []).append(
                    (message.offset(), _name(message.value(), message.partition()), None))
            for partition, records in by_partition.items():
                self._history.fetches.append(Fetch(self.name, partition, began, now(), None, None, None,
                                                   self.places[partition], None, records))
                self.places[partition] = records[-1][0] + 1
        self._consumer.close()


class Administrator(_Worker):
    """Creates topics and deletes some of them, at whichever broker answers."""

    PREFIX = "passing-"

    def __init__(self, cluster, history, seed, pause=1.2):
        super().__init__("administrator")
        self._cluster, self._history, self._pause = cluster, history, pause
        self._prng = random.Random(f"{seed}/administrator")

    def _work(self):
        made = []
        for number in itertools.count():
            if self._stop.wait(self._pause):
                return
            name = f"{self.PREFIX}{number}"
            if self._change("create", name, lambda wire, n=name: api.create_topic(wire, n, 1, 3)) == 0:
                made.append(name)
            # Few of them at a time: each costs every broker files and descriptors.
            while len(made) > 20 or made and self._prng.random() < 0.4:
                name = made.pop(self._prng.randrange(len(made)))
                self._change("delete", name, lambda wire, n=name: api.delete_topic(wire, n))

    def _change(self, what, name, ask):
        broker = self._prng.choice(list(self._cluster.brokers.values()))
        began, error = now(), None
        with contextlib.suppress(OSError, AssertionError):
            with Wire(broker.port, timeout=3, host=broker.host) as wire:
                error = ask(wire)
        self._history.changes.append(Change(what, name, began, now(), error))
        return error


def _name(value, partition):
    """(producer, counter) of a record; None when no client of ours made it for that partition."""
    found = signed.identify(value)
    return (found[0], found[2]) if found is not None and found[1] == partition else None


class Clients:
    """All of a run; `program` is our chaos client."""

    def __init__(self, cluster, history, seed, program):
        self.cluster, self.history, self.seed = cluster, history, seed
        self.own = [OwnProducer(n, n % PARTITIONS, cluster, history, seed) for n in range(PARTITIONS)]
        self.rd = [RdProducer(10, cluster, history, seed)]
        self.strandline_producer = strandline.producer(program, cluster, history, seed, TOPIC, PARTITIONS)
        self.strandline_consumer = strandline.consumer(program, cluster, history, seed, TOPIC, PARTITIONS)
        self.administrator = Administrator(cluster, history, seed)
        self.readers = [OwnReader(f"reader-{p}", p, cluster, history, seed) for p in range(PARTITIONS)]
        self.readers += [Rereader("again", cluster, history, seed),
                         RdConsumer("librdkafka-consumer", cluster, history)]

    def start(self):
        for worker in self._all():
            worker.start()

    def _all(self):
        return [*self.own, *self.rd, *self.readers, self.administrator, self.strandline_producer,
                self.strandline_consumer]

    def stop_producers(self, seconds):
        """Producers finish what they have begun; what then has no answer shows in the history."""
        deadline = now() + seconds
        self.administrator.stop()
        for worker in self.own:
            worker.give_up_after(seconds)
        for worker in [*self.own, *self.rd, self.strandline_producer]:
            worker.stop()
        for worker in self.rd:
            if worker.join(deadline - now()):
                worker.flush(deadline - now())
        for worker in self.own:
            worker.join(deadline - now() + 5)
        if not self.strandline_producer.join(deadline - now() + 1):
            self.strandline_producer.kill()
        self.administrator.join(10)

    def producing(self):
        """[(producer, partition)] of all that producers write to."""
        whole = [each.number for each in self.rd] + [self.strandline_producer.account.number]
        return [*((each.number, each.partition) for each in self.own),
                *((number, p) for number in whole for p in range(PARTITIONS))]

    def places(self):
        """{(reader, partition): the offset it reads next} of those that read along."""
        places = {}
        for worker in self.readers:
            if isinstance(worker, OwnReader):
                places[worker.name, worker.partition] = worker.place
            elif isinstance(worker, RdConsumer):
                places.update({(worker.name, p): place for p, place in worker.places.items()})
        account = self.strandline_consumer.account
        places.update({(account.name, p): place for p, place in account.places.items()})
        return places

    def stop_readers(self):
        readers = [*self.readers, self.strandline_consumer]
        for worker in readers:
            worker.stop()
        for worker in readers:
            worker.join(10)

    def kill(self):
        """Whatever still runs as a process of its own."""
        self.strandline_producer.kill()
        self.strandline_consumer.kill()

    def broken(self):
        return [worker.failed for worker in self._all() if worker.failed]

    def read_whole(self, name, seconds=60):
        """One more reader over all partitions from the start to the end of now; what it could not
        read, in words."""
        problems, deadline = [], now() + seconds
        for partition in range(PARTITIONS):
            reader = OwnReader(name, partition, self.cluster, self.history, self.seed)
            end = None
            while now() < deadline and (end is None or reader.place < end):
                fetch = reader.step(0, until=end)
                if fetch is None:
                    time.sleep(0.05)
                elif end is None:
                    end = fetch.high_watermark
            reader.route.close()
            if end is None or reader.place < end:
                problems.append(f"partition {partition}: read up to {reader.place} of {end}")
        return problems
