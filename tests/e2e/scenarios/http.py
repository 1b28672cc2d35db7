"""HTTP: metrics, health and readiness on both ports, and an admin API that no web page can command."""

import json
import re
import time

from harness.world import HealthyClient, get, metric, running
from rig import api
from rig.batch import batch
from rig.wire import Wire, until

PARTITIONS = 1000
PAGE_SECONDS_MAX = 0.05
_HELP = re.compile(r"# HELP (\w+) \S.*")
_TYPE = re.compile(r"# TYPE (\w+) (counter|gauge|histogram|summary)")
_LABELS = r'\{[a-zA-Z_]\w*="(?:[^"\\\n]|\\.)*"(?:,[a-zA-Z_]\w*="(?:[^"\\\n]|\\.)*")*\}'
_SAMPLE = re.compile(rf"(\w+)({_LABELS})? (-?[0-9.]+(?:e[+-]?\d+)?|[+-]Inf|NaN)")


def _family(name, types):
    for suffix in ("_bucket", "_sum", "_count"):
        base = name.removesuffix(suffix)
        if base != name and types.get(base) in ("histogram", "summary"):
            return base
    return name


def faults_of(page):
    """What is wrong with a page of the text exposition format."""
    faults, types, helped, seen, current = [], {}, set(), set(), None
    finished = set()
    for number, line in enumerate(page.split("\n")[:-1], 1):
        if match := _HELP.fullmatch(line):
            if match[1] in helped:
                faults.append(f"{number}: second HELP of {match[1]}")
            helped.add(match[1])
        elif match := _TYPE.fullmatch(line):
            if match[1] in types:
                faults.append(f"{number}: second TYPE of {match[1]}")
            types[match[1]] = match[2]
        elif match := _SAMPLE.fullmatch(line):
            family = _family(match[1], types)
            if family not in types or family not in helped:
                faults.append(f"{number}: {match[1]} has no TYPE or HELP")
            if family != current and family in finished:
                faults.append(f"{number}: {family} is not together")
            finished.add(family)
            current = family
            if (match[1], match[2]) in seen:
                faults.append(f"{number}: twice: {line}")
            seen.add((match[1], match[2]))
            if types.get(family) == "counter" and not family.endswith("_total"):
                faults.append(f"{number}: counter without _total: {family}")
        else:
            faults.append(f"{number}: {line!r}")
    if not page.endswith("\n") or not seen:
        faults.append("no samples, or no newline at the end")
    return faults


def _buckets_of(page):
    """Histograms whose buckets fall, or whose last one is not the count."""
    faults, series = [], {}
    for name, labels, value in _SAMPLE.findall(page):
        if name.endswith("_bucket"):
            rest = re.sub(r'[{,]?le="[^"]*",?', "", labels).strip("{}")
            series.setdefault((name[:-7], rest), []).append(float(value))
    counts = {(name[:-6], labels.strip("{}")): float(value)
              for name, labels, value in _SAMPLE.findall(page) if name.endswith("_count")}
    for key, values in series.items():
        if values != sorted(values) or counts.get(key) != values[-1]:
            faults.append(f"{key}: {values}, count {counts.get(key)}")
    return faults, len(series)


def _pages(tally, broker):
    for port, name in ((broker.http, "http.listen"), (broker.port, "the kafka port")):
        status, headers, page = get(port, "/metrics")
        tally.check(f"http: /metrics is served on {name} as text 0.0.4", status == 200 and
                    headers["Content-Type"].startswith("text/plain; version=0.0.4"), (status, headers))
        faults = faults_of(page)
        tally.check(f"http: it is a valid exposition ({name})", not faults, faults[:5])
        faults, histograms = _buckets_of(page)
        tally.check(f"http: its histograms add up ({name})", not faults and histograms > 3, faults[:3])
        status, headers, body = get(port, "/ready")
        tally.check(f"http: /ready is 200 once clients are served ({name})", status == 200 and
                    headers["Content-Type"] == "application/json" and isinstance(json.loads(body), dict),
                    (status, body))
        status, headers, body = get(port, "/health")
        tally.check(f"http: /health is 200 with each check ({name})", status == 200 and
                    json.loads(body)["status"] == "ok", (status, body))
        status, _, body = get(port, "/metrics", method="HEAD")
        tally.check(f"http: HEAD has no body ({name})", status == 200 and body == "", (status, body))
    page = get(broker.http, "/metrics")[2]
    for number in (0, PARTITIONS - 1):
        tally.check(f"http: partition {number} of the wide topic is among the metrics", re.search(
            rf'^strandline_log_end_offset{{[^}}]*partition="{number}"[^}}]*topic="wide"|'
            rf'^strandline_log_end_offset{{topic="wide",partition="{number}"', page, re.MULTILINE))
    tally.check("http: only these are on the kafka port", [get(broker.port, path)[0] for path in (
        "/", "/v1/topics", "/v1/log-level", "/nothing")] == [404] * 4)
    refused = get(broker.port, "/metrics", method="POST", body="x")[0]
    tally.check("http: and they are only read there", refused == 404, refused)


def _fast(tally, broker):
    """Best of many: the machine is shared, and a page that takes longer at best takes longer always."""
    for port, name in ((broker.http, "http.listen"), (broker.port, "the kafka port")):
        best = 1e9
        for _ in range(30):
            began = time.monotonic()
            size = len(get(port, "/metrics")[2])
            best = min(best, time.monotonic() - began)
        tally.check(f"http: /metrics with {PARTITIONS} partitions comes within 50 ms ({name})",
                    best < PAGE_SECONDS_MAX, f"{best * 1000:.1f} ms at best")
        print(f"# http: /metrics, {size >> 10} KiB, {best * 1000:.1f} ms at best ({name})")


def _admin(tally, broker):
    port = broker.http
    status, _, body = get(port, "/v1/topics")
    names = [topic["name"] for topic in json.loads(body)["topics"]]
    tally.check("http: /v1/topics lists the topics", status == 200 and {"wide", "healthy"} <= set(names),
                (status, names))
    status, _, body = get(port, "/v1/topics/wide")
    tally.check("http: /v1/topics/NAME tells its partitions", status == 200 and
                len(json.loads(body)["partitions"]) == PARTITIONS, (status, body[:200]))
    cluster = json.loads(get(port, "/v1/cluster")[2])
    tally.check("http: /v1/cluster names the broker", [b["port"] for b in cluster["brokers"]] ==
                [broker.port] and cluster["partitions"] >= PARTITIONS, cluster)
    statuses = [get(port, path)[0] for path in ("/v1/topics/none", "/v1/none", "/v1/topics/%zz", "/v1")]
    tally.check("http: what is not there is 404, a broken path 400", statuses == [404, 404, 400, 404],
                statuses)
    stop = json.loads(get(port, "/v1/brokers/self/safe-to-stop")[2])
    tally.check("http: a lone broker is not safe to stop, and tells why", not stop["safe"] and
                stop["unavailable"] >= PARTITIONS and len(stop["reasons"]) == 2, stop)
    drains = [get(port, f"/v1/brokers/{name}/drain", method="POST", body="", headers={
        "Content-Type": "application/json"})[0] for name in ("self", "999", "x")]
    tally.check("http: it cannot be drained, an unknown one is 404, what is no broker 400",
                drains == [409, 404, 400], drains)
    moving = json.loads(get(port, "/v1/reassignments")[2])
    tally.check("http: no partition is being reassigned", moving == {"reassignments": []}, moving)


def _guards(tally, broker):
    """Host, Origin and Content-Type."""
    port = broker.http
    own = f"127.0.0.1:{port}"
    as_json = {"Content-Type": "application/json"}
    level = json.dumps({"level": "warning"})

    def change(host=own, **headers):
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        return get(port, "/v1/log-level", host, "POST", level, named)[0]

    for host, status in [(own, 200), ("localhost", 200), (f"localhost:{port}", 200), ("[::1]", 200),
                         ("192.0.2.7", 200), ("evil.example", 403), ("127.0.0.1.evil.example", 403),
                         ("localhost.evil.example", 403), ("", 400)]:
        got = get(port, "/v1/topics", host)[0]
        tally.check(f"http: Host {host!r} is answered {status}", got == status, got)
    for origin, status in [(f"http://{own}", 200), ("http://evil.example", 403), ("null", 403),
                           (f"https://{own}", 403), (f"http://{own}.evil.example", 403)]:
        got = get(port, "/v1/topics", own, headers={"Origin": origin})[0]
        tally.check(f"http: Origin {origin.replace(str(port), 'PORT')} is answered {status}",
                    got == status, got)
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data",
                 "application/jsonp", ""):
        got = change(Content_Type=kind)
        tally.check(f"http: a change with Content-Type {kind!r} is 415", got == 415, got)
    tally.check("http: none of these changed anything", json.loads(
        get(port, "/v1/log-level")[2])["level"] == "info")
    foreign = [change(host="evil.example", **as_json), change(Origin="http://evil.example", **{
        "Content_Type": "application/json"})]
    tally.check("http: a change with a foreign Host or Origin is 403", foreign == [403, 403], foreign)
    good = change(Content_Type="application/json; charset=utf-8")
    told = json.loads(get(port, "/v1/log-level")[2])["level"]
    tally.check("http: a proper change takes effect", (good, told) == (200, "warning"), (good, told))
    wrong = [get(port, "/v1/log-level", own, "POST", body, as_json)[0]
             for body in ("", "{}", '{"level":"loud"}', "[" * 5000, '{"level":7}')]
    tally.check("http: a body that is no level is 400", wrong == [400] * 5, wrong)
    methods = [get(port, "/v1/topics", own, method, None, as_json)[0]
               for method in ("DELETE", "PUT", "POST", "PATCH")]
    tally.check("http: other methods are 405", methods == [405] * 4, methods)


def _bounds(tally, broker):
    port = broker.http
    got = get(port, "/v1/log-level", method="POST", body="x" * (2 << 20),
              headers={"Content-Type": "application/json"})[0]
    tally.check("http: a body above 1 MiB is 413", got == 413, got)
    got = get(port, "/ready", headers={"X-Long": "x" * (20 << 10)})[0]
    tally.check("http: a header above 16 KiB is 431", got == 431, got)
    with Wire(port) as wire:
        wire.send(b"\x00\x00\x00\x10 no http at all\r\n\r\n")
        closed, came = wire.closed_within(5)
        tally.check("http: what is no HTTP is answered 400 and closed", closed and came > 0)
    two_hosts = b"GET /v1/topics HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n"
    with Wire(port, timeout=5) as wire:
        wire.send(two_hosts)
        answer = wire.socket.recv(4096)
        tally.check("http: two Host headers are 400", answer.startswith(b"HTTP/1.1 400"), answer[:60])
    open_ones = [Wire(port) for _ in range(256)]
    with Wire(port) as one_more:
        one_more.send(b"GET /ready HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = one_more.socket.recv(4096)
        tally.check("http: the 257th connection is told 503", answer.startswith(b"HTTP/1.1 503"),
                    answer[:60])
    through_kafka = get(broker.port, "/ready")[0]
    tally.check("http: the kafka port answers meanwhile", through_kafka == 200, through_kafka)
    for wire in open_ones:
        wire.close()

    def served_again():
        try:
            return get(port, "/ready")[0] == 200
        except OSError:
            return False

    tally.check("http: and there is room again when they go", until(served_again, 5))


def run(tally, options):
    with running(options) as broker:
        with Wire(broker.port) as wire:
            api.create_topic(wire, "wide", partitions=PARTITIONS)
            api.produce(wire, "wide", batch([b"x"]), partition=7)
        with HealthyClient(broker) as healthy:
            _pages(tally, broker)
            _fast(tally, broker)
            _admin(tally, broker)
            _guards(tally, broker)
            _bounds(tally, broker)
        tally.check("http: Kafka clients were served all the while", not healthy.verdict(3),
                    healthy.verdict(3))
        counted = metric(broker, "strandline_produce_records_total")
        tally.check("http: the metrics count what was produced", counted == healthy.rounds() + 1,
                    (counted, healthy.rounds()))
    with running(options, "http.listen=none") as broker:
        got = get(broker.port, "/ready")[0]
        tally.check("http: without http.listen the kafka port still answers /ready", got == 200, got)
