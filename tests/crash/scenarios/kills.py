"""SIGKILL under load: three idempotent producers with acks=all, and the broker killed again and
again. A kill counts only with requests in flight and 500 acknowledgements since the last one."""

import random
import shutil
import tempfile
import time

from harness import checker, load, reader
from harness.history import History
from rig.broker import Broker

ACKS_BETWEEN = 500
# Small segments, so that rolls, indexes and snapshots are among what is interrupted.
TOPIC_CONFIG = {"segment.bytes": "262144", "retention.ms": "-1"}
SETTINGS = ["checkpoint.interval.ms=100"]


def _kill_rounds(broker, producers, prng, kills):
    """Kills and restarts; (kills that counted, restart seconds, problem)."""
    counted, restarts = 0, []
    while counted < kills:
        if not producers.wait_for_acks(ACKS_BETWEEN, 60):
            return counted, restarts, f"no {ACKS_BETWEEN} acknowledgements in 60 s\n" + (
                "\n".join(producers.fatal()) + broker.log_tail())
        time.sleep(prng.random() * 0.05)
        if not broker.alive():
            return counted, restarts, "the broker ended by itself\n" + broker.log_tail()
        broker.kill()
        if producers.in_flight() > 0:
            counted += 1
        if producers.fatal():
            return counted, restarts, "\n".join(producers.fatal())
        restarts.append(broker.start())
    return counted, restarts, ""


def run(tally, options):
    kills = 200 if options.long else 25
    home = tempfile.mkdtemp(prefix="crash-kills-")
    prng = random.Random(options.seed)
    history = History()
    broker = Broker(options.broker, f"{home}/data", SETTINGS, work=home)
    try:
        broker.start()
        load.create_topic(broker.bootstrap, TOPIC_CONFIG)
        producers = load.Load(broker.bootstrap, history)
        follower = reader.Follower(broker.bootstrap, history)
        producers.start()
        follower.start()
        problem = "the rounds broke off"
        try:
            counted, restarts, problem = _kill_rounds(broker, producers, prng, kills)
        finally:
            unanswered = producers.finish(2 if problem else 60)
            follower.stop()
        tally.check(f"kills: {kills} SIGKILLs under load, the broker is back after each", not problem,
                    problem)
        reader.read_everything(broker.bootstrap, history)
        found = checker.check(history)
        tally.check("kills: nothing acknowledged is missing, doubled, reordered or changed",
                    not found, "\n".join(f"{name} {what}" for name, what in found))
        tally.check("kills: every record got an answer in the end", unanswered == 0,
                    f"{unanswered} without one\n" + "\n".join(producers.errors()))
        restarts.sort()
        print(f"# kills: {counted} counted, {history.ack_count()} acknowledged, "
              f"{follower.answers} fetches meanwhile; restart median "
              f"{restarts[len(restarts) // 2] * 1000:.0f} ms, longest {restarts[-1] * 1000:.0f} ms")
        status = broker.stop()
        tally.check("kills: the broker closes cleanly afterwards", status == 0, f"status {status}")
    finally:
        broker.kill()
        if options.keep:
            print(f"# kept: {home}")
        else:
            shutil.rmtree(home, ignore_errors=True)
