#!/usr/bin/python3
"""The demonstration behind tools/quickstart, which builds the broker and starts this.

Sends the machine's package log through kcat into a topic of 4 partitions, reads it back, compares it
byte for byte and in the order of each key, kills the broker with SIGKILL, starts it again and compares
once more. Anything that is not as promised ends it with status 1.
"""

import argparse
import collections
import contextlib
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

TOPIC = "dpkg-log"
PARTITIONS = 4
LOGS = [pathlib.Path("/var/log/dpkg.log.1"), pathlib.Path("/var/log/dpkg.log")]  # older first
READY_SECONDS_MAX = 10
CLIENT_SECONDS_MAX = 120
# Words of a log line that stand before the package's name: "status STATE package version".
STATUS_WORDS = {"status": 4}
PACKAGE_WORD = 3


class Failure(Exception):
    """What went wrong, in words for the person at the terminal."""


def step(name, began, text):
    print(f"{name:<10} {text} ({(time.monotonic() - began) * 1000:.0f} ms)", flush=True)


def package_of(line):
    """The key of a log line: the package it is about, else its verb ("startup archives unpack")."""
    words = line.split()
    if len(words) < 3:
        return b"-"
    verb = words[2].decode(errors="replace")
    place = STATUS_WORDS.get(verb, PACKAGE_WORD)
    if verb == "startup" or len(words) <= place:
        return words[2]
    return words[place].split(b":")[0]


def read_events():
    """[(key, line)] of the package log, in the order in which they were written."""
    found = [log for log in LOGS if log.is_file()]
    events = []
    for log in found:
        try:
            lines = log.read_bytes().split(b"\n")
        except PermissionError:
            raise Failure(f"{log} may not be read by this user: run tools/quickstart as root") from None
        events += [(package_of(line), line) for line in lines if line]
    if not events:
        raise Failure("this machine has no package log: /var/log/dpkg.log is missing or empty. The "
                      "quickstart sends that file's lines; on a Debian machine any apt-get install "
                      "writes some")
    return events


def port_is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def choose_port(wanted):
    if wanted:
        if not port_is_free(wanted):
            raise Failure(f"port {wanted} is taken; choose another with --port")
        return wanted
    if port_is_free(9092):
        return 9092
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Broker:
    """One strandlined of ours; stop() or kill() before starting it again on the same data."""

    def __init__(self, binary, data, port, log):
        # The admin port stays shut: a second broker on this machine may have it, and nothing here needs it.
        self.command = [binary, "--data", str(data), "--listen", f"127.0.0.1:{port}", "--set", "http.listen=none"]
        self.port = port
        self.log = log
        self.process = None

    def start(self):
        began = time.monotonic()
        with self.log.open("ab") as out:
            # In a session of its own: Ctrl-C in the terminal is for the demonstration, and --keep
            # leaves the broker behind.
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=out,
                                            stderr=subprocess.STDOUT, start_new_session=True)
        while True:
            if self.process.poll() is not None:
                raise Failure(f"the broker ended with status {self.process.returncode}; it said:\n"
                              + self.log.read_text(errors="replace")[-2000:])
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return began
            if time.monotonic() - began > READY_SECONDS_MAX:
                raise Failure(f"no answer on port {self.port} after {READY_SECONDS_MAX} s; see {self.log}")
            time.sleep(0.002)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self.kill()


def create_topic(bootstrap):
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient, NewTopic

    admin = AdminClient({"bootstrap.servers": bootstrap})
    topic = NewTopic(TOPIC, num_partitions=PARTITIONS, replication_factor=1, config={"retention.ms": "-1"})
    try:
        admin.create_topics([topic], operation_timeout=10)[TOPIC].result(timeout=15)
    except KafkaException as error:
        raise Failure(f"topic {TOPIC} was not created: {error}. Where it exists from an earlier run, "
                      "give another directory with --data") from None


def kcat(arguments, given=b""):
    done = subprocess.run(["kcat", *arguments], input=given, capture_output=True, timeout=CLIENT_SECONDS_MAX)
    if done.returncode != 0 or b"ERROR" in done.stderr:
        raise Failure(f"kcat {' '.join(arguments)} failed:\n{done.stderr.decode(errors='replace')}")
    return done.stdout


def send(bootstrap, events):
    if any(b"\t" in key for key, _ in events):
        raise Failure("a package name in the log holds a tab, which parts key and value here")
    lines = b"".join(key + b"\t" + value + b"\n" for key, value in events)
    kcat(["-b", bootstrap, "-P", "-t", TOPIC, "-K", "\t", "-X", "acks=all", "-X", "enable.idempotence=true"], lines)
    return len(lines)


def read_back(bootstrap):
    """[(partition, key, value)], each partition in the order of its offsets."""
    # At the end of a partition the broker waits for more as long as the client asks; unset, half a second.
    out = kcat(["-b", bootstrap, "-C", "-t", TOPIC, "-o", "beginning", "-e", "-q", "-f", "%p\t%k\t%s\n",
                "-X", "fetch.wait.max.ms=10"])
    return [tuple(line.split(b"\t", 2)) for line in out.split(b"\n") if line]


def compare(sent, received):
    """Raises unless what came back is what went in, byte for byte and in the order of each key."""
    sent_by_key = collections.defaultdict(list)
    for key, value in sent:
        sent_by_key[key].append(value)
    received_by_key = collections.defaultdict(list)
    partitions_by_key = collections.defaultdict(set)
    for partition, key, value in received:
        received_by_key[key].append(value)
        partitions_by_key[key].add(partition)

    def counted(by_key):
        return collections.Counter((key, value) for key, values in by_key.items() for value in values)

    lost = counted(sent_by_key) - counted(received_by_key)
    extra = counted(received_by_key) - counted(sent_by_key)
    if lost or extra:
        example = next(iter(lost or extra))
        raise Failure(f"{lost.total()} events are missing and {extra.total()} were never sent, e.g. {example}")
    for key, values in sent_by_key.items():
        if len(partitions_by_key[key]) != 1:
            raise Failure(f"key {key.decode()} lies in partitions {sorted(partitions_by_key[key])}")
        if received_by_key[key] != values:
            raise Failure(f"the events of key {key.decode()} came back in another order")
    return len(sent_by_key), len({partition for partition, _, _ in received})


def check(name, bootstrap, events):
    began = time.monotonic()
    received = read_back(bootstrap)
    took = time.monotonic() - began
    keys, partitions = compare(events, received)
    step(name, began, f"{len(received)} events, {len(received) / took:,.0f}/s: equal byte for byte, "
                      f"in order for each of {keys} packages, in {partitions} partitions")


def what_next(port):
    address = f"127.0.0.1:{port}"
    print(f"""
What to type next, with the broker on {address}:

  kcat -b {address} -L                                            what is there
  kcat -b {address} -C -t {TOPIC} -o beginning -e -f '%p %o %k: %s\\n'  read it all
  kcat -b {address} -C -t {TOPIC} -o -5 -c 5                      the last events of a partition
  echo 'bash:hello' | kcat -b {address} -P -t {TOPIC} -K : -X acks=all

  /usr/bin/python3 -c '
from confluent_kafka import Consumer, TopicPartition
c = Consumer({{"bootstrap.servers": "{address}", "group.id": "me", "enable.auto.commit": False}})
c.assign([TopicPartition("{TOPIC}", p, 0) for p in range({PARTITIONS})])
for m in c.consume(5, 10): print(m.partition(), m.offset(), m.key(), m.value())'

  Java, with the tools of any Apache Kafka distribution:
  kafka-topics.sh --bootstrap-server {address} --describe
  kafka-console-consumer.sh --bootstrap-server {address} --topic {TOPIC} \\
      --partition 0 --offset earliest --max-messages 5
  and in a program: props.put("bootstrap.servers", "{address}");
      consumer.assign(List.of(new TopicPartition("{TOPIC}", 0)));""")


def demonstrate(broker, events):
    bootstrap = f"127.0.0.1:{broker.port}"
    began = broker.start()
    step("start", began, f"broker {broker.process.pid} answers on {bootstrap}")
    began = time.monotonic()
    create_topic(bootstrap)
    step("topic", began, f"{TOPIC}: {PARTITIONS} partitions, retention.ms=-1")
    began = time.monotonic()
    sent_bytes = send(bootstrap, events)
    took = time.monotonic() - began
    step("send", began, f"{len(events)} events, {len(events) / took:,.0f}/s, {sent_bytes / took / 1e6:.1f} MB/s: "
                        "each acknowledged after it was on disk")
    check("read", bootstrap, events)
    began = time.monotonic()
    broker.kill()
    step("kill", began, "SIGKILL to the broker")
    began = broker.start()
    step("restart", began, f"broker {broker.process.pid} answers again")
    check("read again", bootstrap, events)


def run(args):
    events = read_events()
    print(f"events     {len(events)} from {', '.join(str(log) for log in LOGS if log.is_file())}", flush=True)
    port = choose_port(args.port)
    made = args.data is None
    data = args.data or pathlib.Path(tempfile.mkdtemp(prefix="strandline-quickstart-", dir="/var/tmp"))
    data.mkdir(parents=True, exist_ok=True)
    log = data.parent / f"{data.name}.broker.log"
    broker = Broker(args.binary, data, port, log)
    try:
        demonstrate(broker, events)
        what_next(port)
    except BaseException:
        broker.stop()
        print(f"data and broker log are left in {data} and {log}", file=sys.stderr)
        raise
    if args.keep:
        print(f"\nThe broker runs as process {broker.process.pid} with its data in {data} and its log in {log}."
              f"\nStop it:  kill {broker.process.pid}")
        return
    broker.stop()
    if made:
        shutil.rmtree(data)
        log.unlink()
    print("\nThe broker was stopped; tools/quickstart --keep leaves it running for these.")


def main():
    parser = argparse.ArgumentParser(prog="tools/quickstart")
    parser.add_argument("--binary", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--keep", action="store_true", help="leave the broker running")
    parser.add_argument("--port", type=int, help="unset: 9092, or a free one when it is taken")
    parser.add_argument("--data", type=pathlib.Path, help="unset: a directory of its own in /var/tmp")
    try:
        run(parser.parse_args())
    except Failure as failure:
        print(f"tools/quickstart: {failure}", file=sys.stderr)
        return 1
    except subprocess.TimeoutExpired as error:
        print(f"tools/quickstart: {error.cmd[0]} did not end within {error.timeout:.0f} s", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
