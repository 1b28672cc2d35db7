"""Whose data directory it is: one that is locked, foreign, newer or damaged is refused with a sentence
that says so, and nothing in it is changed."""

import os
import shutil
import struct
import subprocess
import tempfile

import xxhash

from rig import api
from rig.batch import batch
from rig.broker import Broker, free_port
from rig.wire import Wire

BAD_START = 1
HEADER_BYTES, HASH_BYTES = 12, 8  # docs/formats/checkpoint.md


def _start(options, data, *settings):
    command = [options.broker, "--data", data, "--listen", f"127.0.0.1:{free_port()}", "--set",
               "http.listen=none"]
    for setting in settings:
        command += ["--set", setting]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=False,
                              stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired as runs:
        return subprocess.CompletedProcess(command, None, str(runs.stdout), "it runs\n")


def _content(root):
    """Every file with its bytes; what may lie in `lock` is nobody's business."""
    found = {}
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            if name == "lock":
                continue
            with open(path, "rb") as file:
                found[os.path.relpath(path, root)] = file.read()
    return found


def _sealed(bytes_):
    return bytes_ + struct.pack(">Q", xxhash.xxh3_64_intdigest(bytes_))


def _with_payload(meta, change):
    """`meta` with another payload and a right checksum."""
    payload = change(meta[HEADER_BYTES:-HASH_BYTES])
    return _sealed(meta[:8] + struct.pack(">I", len(payload)) + payload)


def _refused(tally, options, data, title, words, *settings):
    """A start under node 7 unless `settings` say otherwise."""
    before = _content(data) if os.path.isdir(data) else None
    got = _start(options, data, *(settings or ["node.id=7"]))
    last = got.stderr.strip().rpartition("\n")[2]
    tally.check(f"data directory: {title} is refused with status 1, and the last line says why",
                got.returncode == BAD_START and not got.stdout and all(w in last for w in words),
                (words, got.returncode, got.stderr))
    if before is not None:
        after = _content(data)
        changed = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
        tally.check(f"data directory: {title}: nothing in it is changed", not changed, changed)


def _write(path, content):
    with open(path, "wb") as file:
        file.write(content)


def _metas(tally, options, data):
    path = f"{data}/meta"
    with open(path, "rb") as file:
        meta = file.read()
    payload = meta[HEADER_BYTES:-HASH_BYTES]
    tally.check("data directory: meta has the documented form", meta[:4] == b"SLDD" and
                _sealed(meta[:-HASH_BYTES]) == meta and payload[0] == 8, meta.hex())
    newer = payload[1] + 1
    newer_directory = _with_payload(meta, lambda p: bytes([8, newer]) + p[2:])
    newer_file = _sealed(meta[:4] + struct.pack(">H", 2) + meta[6:-HASH_BYTES])
    cluster_at = payload.index(b"\x12\x10") + 2 + HEADER_BYTES
    flipped = meta[:cluster_at] + bytes([meta[cluster_at] ^ 1]) + meta[cluster_at + 1 :]
    for title, content, words in [
        ("a newer directory format", newer_directory, ["meta", "newer version", f"format {newer}"]),
        ("a newer form of meta", newer_file, ["meta", "newer version"]),
        ("a cluster id with a flipped bit", flipped, ["meta", "damaged", "backup"]),
        ("a meta cut short", meta[:-3], ["meta", "damaged"]),
        ("an empty meta", b"", ["meta", "damaged"]),
    ]:
        _write(path, content)
        _refused(tally, options, data, title, words)
    os.remove(path)
    _refused(tally, options, data, "a directory whose meta is gone", ["is not empty", "'meta'"])
    _write(path, meta)


def _newer_metadata(tally, options, data):
    """A metadata record of the next frame version, as a newer program may write it."""
    folder = f"{data}/__cluster_metadata-0"
    path = f"{folder}/{0:020}.log"
    with open(path, "rb") as file:
        log = file.read()
    # The first record of the first batch: its value begins with the frame version, 1.
    first = bytearray(batch([b"\x02" + b"\0" * 8 + b"from the future"]))
    first[12:16] = log[12:16]  # the leader epoch is outside the CRC
    spare = f"{data}-future"
    shutil.copytree(data, spare)
    for name in os.listdir(f"{spare}/__cluster_metadata-0"):
        if not name.endswith(".log"):
            os.remove(f"{spare}/__cluster_metadata-0/{name}")
    for slot in ("checkpoint.0", "checkpoint.1"):
        if os.path.exists(f"{spare}/{slot}"):
            os.remove(f"{spare}/{slot}")
    _write(f"{spare}/__cluster_metadata-0/{0:020}.log", bytes(first))
    got = _start(options, spare, "node.id=7")
    tally.check("data directory: a metadata log of a newer version is refused with status 1",
                got.returncode == BAD_START and "cannot read the metadata log" in got.stderr and
                "newer version" in got.stderr, got.stderr)
    with open(f"{spare}/__cluster_metadata-0/{0:020}.log", "rb") as file:
        tally.check("data directory: and not overwritten", file.read() == bytes(first))


def _locked(tally, options, broker):
    with Wire(broker.port) as wire:
        got = _start(options, broker.data)
        tally.check("data directory: one that is in use is refused with status 1",
                    got.returncode == BAD_START and "in use by another process" in got.stderr and
                    broker.data in got.stderr, got)
        tally.check("data directory: and its owner goes on",
                    api.produce(wire, "kept", batch([b"2"])).offset == 1)


def _places(tally, options, home):
    os.makedirs(f"{home}/photos/holiday")
    _write(f"{home}/photos/holiday/1.jpg", b"not ours")
    _refused(tally, options, f"{home}/photos", "somebody else's directory",
             ["photos", "is not empty", "holiday"])
    _write(f"{home}/file", b"a file")
    _refused(tally, options, f"{home}/file", "a file in its place", [f"{home}/file", "--data"])
    _refused(tally, options, "/proc/strandline", "a place where nothing can be made",
             ["/proc/strandline", "--data"])


def run(tally, options):
    home = tempfile.mkdtemp(prefix="e2e-data-")
    broker = Broker(options.broker, f"{home}/deep/er/data", ["node.id=7"], work=home)
    try:
        broker.start()
        with Wire(broker.port) as wire:
            api.create_topic(wire, "kept")
            api.produce(wire, "kept", batch([b"1"]))
        tally.check("data directory: it is made with all above it", os.path.isdir(broker.data))
        _locked(tally, options, broker)
        broker.kill()
        broker.start()
        tally.check("data directory: a lock that a SIGKILL left is no obstacle", broker.answers())
        broker.stop()
        for node, title in ((8, "another node's directory"), (1, "one under the default node.id")):
            _refused(tally, options, broker.data, title, ["node 7", f"node {node}", "node.id"],
                     f"node.id={node}")
        shutil.copytree(broker.data, f"{home}/copy")
        with open(f"{home}/copy/meta", "rb") as meta:
            content = meta.read()
        _write(f"{home}/copy/meta", _with_payload(content, lambda p: p.replace(b"\x18\x07", b"\x18\x09")))
        _refused(tally, options, f"{home}/copy", "a meta that names another node", ["node 9", "node 7"],
                 "node.id=7")
        _metas(tally, options, broker.data)
        _newer_metadata(tally, options, broker.data)
        _places(tally, options, home)
        broker.start()
        with Wire(broker.port) as wire:
            got = api.values(api.fetch(wire, "kept", 0))
        tally.check("data directory: after all refusals its owner starts and has everything",
                    got == [b"1", b"2"], got)
    finally:
        broker.kill()
        if not options.keep:
            shutil.rmtree(home, ignore_errors=True)
