"""Checks with kcat, the command line client on librdkafka (Debian's package)."""

import json
import subprocess
import tempfile
import time

from harness.checks import BOOTSTRAP, check, holds, run_all, same, topic
from harness.wire import Wire

# kcat leaves once a fetch at the end of the log came back empty: do not let that one wait.
QUICK = ("-X", "fetch.wait.max.ms=10", "-X", "topic.metadata.refresh.fast.interval.ms=20")
BATCH_BYTES_MAX = 1048588  # max.message.bytes, by default


def kcat(*arguments, given="", succeeds=True):
    command = ["kcat", "-b", BOOTSTRAP, *arguments]
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=40)
    if succeeds and done.returncode:
        raise AssertionError(
            f"{' '.join(command)} ended with {done.returncode}: {done.stderr[-1500:]}"
        )
    return done


def make(name, partitions=1, **configs):
    with Wire(BOOTSTRAP) as wire:
        named = {key.replace("_", "."): value for key, value in configs.items()}
        same(wire.create_topic(topic(name), partitions, named), 0, "CreateTopics")
    return topic(name)


def write(name, lines, *arguments):
    kcat("-P", "-t", name, *arguments, given="".join(f"{line}\n" for line in lines))


def read(name, *arguments):
    """Records of a topic as kcat's JSON objects, from the given offset to the present end."""
    if "-o" not in arguments:
        arguments = ("-o", "beginning", *arguments)
    done = kcat("-C", "-t", name, "-e", "-q", "-J", *QUICK, *arguments)
    return [json.loads(line) for line in done.stdout.splitlines()]


def payloads(records):
    return [record["payload"] for record in records]


def query(name, timestamp, partition=0):
    """The offset that kcat -Q names for a time (-2 first, -1 end)."""
    out = kcat("-Q", "-t", f"{name}:{partition}:{timestamp}").stdout
    return int(out.split("offset")[1])


@check(
    "-L names this broker, the controller among the brokers, and every partition with its leader"
)
def _list():
    name = make("list", 3)
    found = json.loads(kcat("-L", "-J").stdout)
    same([broker["name"] for broker in found["brokers"]], [BOOTSTRAP], "brokers")
    ids = [broker["id"] for broker in found["brokers"]]
    holds(found["controllerid"] in ids, f"controller {found['controllerid']} is not one of {ids}")
    mine = [entry for entry in found["topics"] if entry["topic"] == name][0]
    same([part["partition"] for part in mine["partitions"]], [0, 1, 2], "partitions")
    for part in mine["partitions"]:
        same(
            (part["leader"], part["replicas"], part["isrs"]),
            (ids[0], [{"id": ids[0]}], [{"id": ids[0]}]),
        )
    text = kcat("-L", "-t", name).stdout
    holds(f'topic "{name}" with 3 partitions' in text, text)


def _codec_check(codec):
    @check(f"{codec}: records come back with key, headers and time, and lie compressed as sent")
    def _body():
        name = make(f"codec-{codec}")
        before = int(time.time() * 1000) - 1
        lines = [f"k{n % 7}:value {n} " + "strandline " * 20 for n in range(400)]
        write(
            name, lines, "-K:", "-z", codec, "-H", "origin=kcat", "-H", "origin=twice", "-H", "none"
        )
        after = int(time.time() * 1000) + 1
        records = read(name)
        same([f"{r['key']}:{r['payload']}" for r in records], lines, "records")
        same([r["offset"] for r in records], list(range(400)), "offsets")
        for record in records:
            same(record["headers"], ["origin", "kcat", "origin", "twice", "none", None], "headers")
            holds(before <= record["ts"] <= after, f"time {record['ts']} not in {before}…{after}")
            same(record["tstype"], "create", "kind of time")
        with Wire(BOOTSTRAP) as wire:
            same(set(wire.batch_codecs(name)), {codec}, "codecs of the batches")


for _codec in ("none", "gzip", "snappy", "lz4", "zstd"):
    _codec_check(_codec)


@check("a topic that asks for another codec than the producer's gives back the same records")
def _other_codec():
    name = make("other-codec", compression_type="zstd")
    lines = [f"value {n} " + "strandline " * 20 for n in range(100)]
    write(name, lines, "-z", "gzip")
    same(payloads(read(name)), lines, "records")


@check("-Q by time names the exact record, also inside a batch, and the ends")
def _query():
    name = make("query")
    for group in range(3):
        write(name, [f"{group}-{n}" for n in range(5)], "-X", "linger.ms=50")
        time.sleep(0.05)
    records = read(name)
    same(len(records), 15, "records")
    for record in records:
        first = next(r["offset"] for r in records if r["ts"] >= record["ts"])
        same(query(name, record["ts"]), first, f"offset at {record['ts']}")
    same(query(name, records[0]["ts"] - 1000), 0, "offset before all records")
    gap = records[5]["ts"] - 1
    same(query(name, gap), 5, "offset between two batches")
    same(query(name, -2), 0, "log start")
    same(query(name, -1), 15, "log end")
    holds(query(name, records[-1]["ts"] + 1) in (-1, 15), "a time after all records names the end")


@check("-C by offset: from a number, from the end backwards, from the beginning, from the end")
def _by_offset():
    name = make("by-offset")
    lines = [f"record {n}" for n in range(50)]
    write(name, lines[:20])
    write(name, lines[20:])
    same(payloads(read(name, "-o", "beginning")), lines, "from the beginning")
    same(payloads(read(name, "-o", "17")), lines[17:], "from inside a batch")
    same(payloads(read(name, "-o", "17", "-c", "5")), lines[17:22], "five from inside a batch")
    same(payloads(read(name, "-o", "-7")), lines[-7:], "the last seven")
    same(payloads(read(name, "-o", "end")), [], "from the end")


@check("-C by time: o s@FROM -o e@TO gives the records of that span")
def _by_time():
    name = make("by-time")
    for group in range(4):
        write(name, [f"{group}-{n}" for n in range(3)])
        time.sleep(0.05)
    records = read(name)
    start, end = records[3]["ts"], records[9]["ts"]
    same(payloads(read(name, "-o", f"s@{start}")), payloads(records[3:]), "from a time")
    span = kcat("-C", "-t", name, "-q", "-J", "-o", f"s@{start}", "-o", f"e@{end}").stdout
    same(
        [json.loads(line)["payload"] for line in span.splitlines()],
        payloads(records[3:9]),
        "a span",
    )


@check("reads from outside the log start over at the ends, as auto.offset.reset says")
def _out_of_range():
    name = make("out-of-range")
    write(name, ["a", "b", "c"])
    records = read(name, "-o", "1000", "-X", "topic.auto.offset.reset=earliest")
    same(payloads(records), ["a", "b", "c"], "earliest")
    done = kcat(
        "-C", "-t", name, "-e", "-o", "1000", "-X", "topic.auto.offset.reset=error", succeeds=False
    )
    holds("out of range" in done.stderr.lower(), done.stderr)


@check("acks 0, 1 and all: everything sent can be read")
def _acks():
    for acks in ("0", "1", "all"):
        name = make(f"acks-{acks}")
        lines = [f"{acks} {n}" for n in range(300)]
        write(name, lines, "-X", f"topic.acks={acks}")
        deadline = time.monotonic() + 10
        while len(read(name)) < 300 and time.monotonic() < deadline:
            time.sleep(0.1)  # acks=0 returns before the broker has read the socket
        same(payloads(read(name)), lines, f"acks={acks}")


@check("an idempotent producer's records are there once each, in order")
def _idempotent():
    name = make("idempotent", 2)
    lines = [f"{n}:{n}" for n in range(20000)]
    write(name, lines, "-K:", "-X", "enable.idempotence=true", "-X", "batch.num.messages=100")
    for partition in ("0", "1"):
        got = [int(payload) for payload in payloads(read(name, "-p", partition))]
        same(got, sorted(set(got)), f"order in partition {partition}")
    same(sorted(int(p) for p in payloads(read(name))), list(range(20000)), "records")


def send_file(name, size, *arguments):
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"x" * size)
        file.flush()
        return kcat(
            "-P",
            "-t",
            name,
            "-X",
            "message.max.bytes=20000000",
            *arguments,
            file.name,
            succeeds=False,
        )


@check("a record just below max.message.bytes is taken, one just above is refused and does no harm")
def _large():
    name = make("large")
    below = BATCH_BYTES_MAX - 100  # a batch header has 61 bytes, the record's own fields a dozen
    done = send_file(name, below)
    same(done.returncode, 0, done.stderr)
    done = send_file(name, BATCH_BYTES_MAX)
    holds(
        done.returncode != 0 and "size too large" in done.stderr.lower(),
        f"not refused: {done.stderr}",
    )
    write(name, ["small"])
    same([len(p) for p in payloads(read(name))], [below, 5], "sizes")


@check("max.message.bytes of the topic is the limit that counts, up and down")
def _topic_limit():
    wide, narrow = make("wide", max_message_bytes=5000000), make("narrow", max_message_bytes=2000)
    same(send_file(wide, 4900000).returncode, 0, "4.9 MB into a topic for 5 MB")
    same([len(p) for p in payloads(read(wide))], [4900000], "sizes")
    same(send_file(narrow, 1900).returncode, 0, "1900 bytes into a topic for 2000")
    holds("size too large" in send_file(narrow, 2000).stderr.lower(), "2000 bytes and a header")


@check("a record larger than the reader's fetch size is delivered all the same")
def _fetch_small():
    name = make("fetch-small")
    same(send_file(name, 300000).returncode, 0, "producing 300 kB")
    same(send_file(name, 300001).returncode, 0, "producing 300 kB")
    records = read(name, "-X", "fetch.message.max.bytes=1000", "-X", "fetch.max.bytes=1000000")
    same([len(p) for p in payloads(records)], [300000, 300001], "sizes")


@check("an empty topic reads as empty, with both ends at 0")
def _empty():
    name = make("empty", 2)
    same(read(name), [], "records")
    for partition in (0, 1):
        same((query(name, -2, partition), query(name, -1, partition)), (0, 0), "ends")


@check("an unknown topic is an error for a reader, and reading does not create it")
def _unknown():
    name = topic("nobody-made-this")
    done = kcat("-C", "-t", name, "-e", succeeds=False)
    holds(done.returncode != 0 and "unknown topic" in done.stderr.lower(), done.stderr)
    listed = json.loads(kcat("-L", "-J").stdout)["topics"]
    holds(name not in [entry["topic"] for entry in listed], "reading created the topic")


@check("a topic is created by the first record sent to it and usable at once")
def _auto_create():
    for n in range(5):
        name = topic(f"auto-{n}")
        write(name, [f"first of {n}"])
        same(payloads(read(name)), [f"first of {n}"], "records")


@check("null keys, null values and empty ones are told apart")
def _nulls():
    name = make("nulls")
    write(name, ["k:", ":v"], "-K:", "-Z")
    write(name, ["k:", ":v"], "-K:")
    pairs = [(record["key"], record["payload"]) for record in read(name)]
    same(pairs, [("k", None), (None, "v"), ("k", ""), ("", "v")], "keys and values")


@check("equal keys share a partition and keep their order")
def _keyed():
    name = make("keyed", 4)
    write(name, [f"key{n % 13}:{n}" for n in range(1300)], "-K:")
    homes, last = {}, {}
    for record in read(name):
        same(
            homes.setdefault(record["key"], record["partition"]),
            record["partition"],
            "partition of a key",
        )
        holds(int(record["payload"]) > last.get(record["key"], -1), "order within a key")
        last[record["key"]] = int(record["payload"])
    same(len(last), 13, "keys")
    holds(len(set(homes.values())) > 1, "all keys in one partition")


@check("a waiting reader gets a record when it is written, not when its fetch times out")
def _long_poll():
    name = make("long-poll")
    command = [
        "kcat",
        "-b",
        BOOTSTRAP,
        "-C",
        "-t",
        name,
        "-o",
        "end",
        "-c",
        "1",
        "-u",
        "-X",
        "fetch.wait.max.ms=20000",
        "-X",
        "fetch.error.backoff.ms=5",
    ]
    reader = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        for line in reader.stderr:
            if "Reached end of topic" in line:
                break
        time.sleep(0.3)  # the next fetch is on its way; it may wait 20 s
        began = time.monotonic()
        write(name, ["now"])
        same(reader.stdout.readline(), "now\n", "record")
        waited = time.monotonic() - began
        holds(waited < 8, f"the record took {waited:.1f} s")
    finally:
        reader.kill()
        reader.wait()


if __name__ == "__main__":
    run_all()
