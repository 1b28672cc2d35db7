#!/usr/bin/python3
"""The demonstration behind tools/quickstart, which builds the broker and starts this.

Sends the machine's package log through kcat into a topic of 4 partitions, reads it back, compares it
byte for byte and in the order of each key, kills the broker with SIGKILL, starts it again and compares
once more. With --brokers 3 it does so on a cluster (quickstart_cluster.py). Anything that is not as promised
ends it with status 1.
"""

import argparse
import contextlib
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True  # the source tree stays as it is

import quickstart_cluster  # noqa: E402
from events import (  # noqa: E402
    LOGS, PARTITIONS, TOPIC, Failure, check, create_topic, port_is_free, read_events, send, step,
)

READY_SECONDS_MAX = 10


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
    create_topic(bootstrap, replicas=1)
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
    if args.brokers > 1:
        quickstart_cluster.run(args, events)
    else:
        run_single(args, events)


def run_single(args, events):
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
    parser.add_argument("--brokers", type=int, default=1, choices=[1, 3], help="3: a cluster on this machine")
    parser.add_argument("--port", type=int, help="of the first broker; unset: 9092 (9192 with three), or a "
                        "free one when it is taken")
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
