"""Turns samples into medians, targets into verdicts, and both into Markdown and a chart."""

import statistics
from collections import defaultdict

SPREAD_MAX = 0.25  # a baseline that spreads wider makes a run void


def summarise(samples):
    """{(phase, case): {contender: {metric: {"median", "spread", "greatest", "runs"}}}}, in order of coming."""
    grouped = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for sample in samples:
        for metric, value in sample.items():
            if metric not in ("phase", "case", "contender", "round"):
                key = (sample["phase"], sample["case"])
                grouped[key][sample["contender"]][metric].append(value)
    summary = {}
    for key, contenders in grouped.items():
        summary[key] = {
            contender: {metric: _middle(values) for metric, values in metrics.items()}
            for contender, metrics in contenders.items()
        }
    return summary


def _middle(values):
    median = statistics.median(values)
    spread = (max(values) - min(values)) / median if median else 0.0
    return {
        "median": round(median, 4),
        "spread": round(spread, 3),
        "greatest": max(values),
        "runs": len(values),
    }


class Targets:
    """What the design asks for, each with the figure measured and whether it is reached."""

    def __init__(self, summary):
        self._summary = summary
        self.rows = []
        for key in summary:
            self._one(key)

    def _median(self, key, contender, metric):
        entry = self._summary.get(key, {}).get(contender, {}).get(metric)
        return entry["median"] if entry else None

    def _ratio(self, claim, value, base, wanted, at_most=False):
        if value is None or not base:
            return
        ratio = value / base
        reached = ratio <= wanted if at_most else ratio >= wanted
        bound = f"≤ {wanted:g}" if at_most else f"≥ {wanted:g}"
        self.rows.append((claim, f"{ratio:.2f} × ({value:g} / {base:g})", bound, reached))

    def _limit(self, claim, value, wanted, unit):
        if value is not None:
            self.rows.append((claim, f"{value:g} {unit}", f"≤ {wanted:g} {unit}", value <= wanted))

    def _one(self, key):
        phase, case = key
        kafka = lambda metric: self._median(key, "kafka", metric)  # noqa: E731
        ours = lambda metric: self._median(key, "strandline", metric)  # noqa: E731
        if phase == "produce":
            self._produce(key, kafka, ours)
        elif phase == "fetch":
            self._ratio(f"fetch rate, {case}", ours("mb_s"), kafka("mb_s"), 1)
            self._cpu(f"fetch, {case}", key, 0.7)
            bare = self._median(("bare", "sendfile, 1 MiB fetches"), "bare", "mb_s")
            self._ratio(f"fetch rate against bare sendfile, {case}", ours("mb_s"), bare, 0.7)
        elif phase == "fetch-small":
            self._ratio(f"fetch rate, {case}", ours("mb_s"), kafka("mb_s"), 2)
            self._cpu(f"fetch, {case}", key, 0.7)
        elif phase == "latency":
            self._latency(key, case)
        elif phase == "start":
            self._limit("first record after start", ours("first_record_ms"), 100, "ms")
            self._limit(f"idle RSS, {case}", ours("rss_mb"), 64 if "1,000" in case else 20, "MB")
        elif phase == "restart":
            self._limit(f"serving again, {case}", ours("all_partitions_ms"), 500, "ms")

    def _cpu(self, claim, key, total_wanted):
        def parts(contender):
            user = self._median(key, contender, "user_s_gb")
            system = self._median(key, contender, "system_s_gb")
            return (None, None) if user is None else (user, user + system)

        (our_user, our_total), (user, total) = parts("strandline"), parts("kafka")
        self._ratio(f"user CPU per GB, {claim}", our_user, user, 0.25, at_most=True)
        self._ratio(f"total CPU per GB, {claim}", our_total, total, total_wanted, at_most=True)

    def _produce(self, key, kafka, ours):
        case = key[1]
        unsynced = self._median(key, "strandline-unsynced", "mb_s")
        all_acks = "acks=all" in case
        alike = unsynced if all_acks else ours("mb_s")
        self._ratio(f"produce rate, {case}", alike, kafka("mb_s"), 2)
        if all_acks:
            self._ratio(f"produce rate synced, {case}", ours("mb_s"), kafka("mb_s"), 2)
        self._cpu(f"produce, {case}", key, 0.5)
        if "lz4" in case:
            return  # a sink knows no codec
        bare = self._median(("bare", "sink"), "bare", "mb_s")
        self._ratio(f"produce rate against bare sink, {case}", alike, bare, 0.5)
        if all_acks:
            bare = self._median(("bare", "sink, sync each MiB"), "bare", "mb_s")
            self._ratio(f"produce rate against synced sink, {case}", ours("mb_s"), bare, 0.5)

    def _latency(self, key, case):
        kafka = self._median(key, "kafka", "p99_ms")
        if "acks=all" in case:
            synced = self._median(key, "strandline", "p99_ms")
            self._ratio(f"p99 synced, {case}", synced, kafka, 1, at_most=True)
            unsynced = self._median(key, "strandline-unsynced", "p99_ms")
            self._ratio(f"p99 unsynced, {case}", unsynced, kafka, 1 / 3, at_most=True)


def void(summary):
    """Baselines that spread too far for the figures to mean much."""
    return [
        f"{case}: spread {entry['bare']['mb_s']['spread']:.0%}"
        for (phase, case), entry in summary.items()
        if phase == "bare" and entry["bare"]["mb_s"]["spread"] > SPREAD_MAX
    ]


METRICS = {
    "produce": ["mb_s", "user_s_gb", "system_s_gb", "rss_mb"],
    "producer-perf": ["mb_s", "user_s_gb", "system_s_gb", "p99_ms"],
    "fetch": ["mb_s", "user_s_gb", "system_s_gb"],
    "fetch-small": ["mb_s", "user_s_gb", "system_s_gb"],
    "java-reader": ["mb_s", "user_s_gb", "system_s_gb"],
    "latency": ["p50_ms", "p99_ms", "p999_ms"],
    "bare": ["mb_s", "user_s_gb", "system_s_gb"],
    "start": ["connected_ms", "first_record_ms", "rss_mb"],
    "restart": ["connected_ms", "first_record_ms", "all_partitions_ms", "rss_mb"],
    "many": ["seconds", "rss_mb"],
}

TITLES = {
    "bare": "Bare loops",
    "produce": "Produce, our load generator",
    "producer-perf": "Produce, Kafka's producer-perf tool",
    "fetch": "Fetch, 1 MiB, our load generator",
    "fetch-small": "Fetch, small",
    "java-reader": "Fetch, Java assign() reader",
    "latency": "Latency of a record at a fixed rate",
    "start": "Start",
    "restart": "Restart",
    "many": "Many partitions",
}


def markdown(document, title="Strandline and Apache Kafka side by side", titles=None, metrics=None):
    """`titles` and `metrics` by phase; unset, those of one broker."""
    all_metrics = metrics or METRICS
    lines = [f"# {title}", ""]
    for key, value in document["setting"].items():
        lines.append(f"- {key}: {value}")
    if document["void"]:
        lines += ["", "**Void**, the machine was too restless: " + "; ".join(document["void"])]
    lines += ["", "Medians; in brackets the spread, (greatest − least) / median.", ""]
    summary = document["_summary"]
    for phase, heading in (titles or TITLES).items():
        cases = [key for key in summary if key[0] == phase]
        if not cases:
            continue
        metrics = all_metrics[phase]
        lines += [f"## {heading}", "", "| case | broker | " + " | ".join(metrics) + " |"]
        lines.append("|---|---|" + "---:|" * len(metrics))
        for key in cases:
            for contender, entry in summary[key].items():
                cells = [_cell(entry.get(metric)) for metric in metrics]
                lines.append(f"| {key[1]} | {contender} | " + " | ".join(cells) + " |")
        lines.append("")
    lines += ["## Targets", "", "| | measured | wanted | |", "|---|---|---|---|"]
    for claim, measured, wanted, reached in document["targets"]:
        lines.append(
            f"| {claim} | {measured} | {wanted} | {'reached' if reached else '**missed**'} |"
        )
    return "\n".join(lines) + "\n"


def _cell(entry):
    if entry is None:
        return ""
    value = entry["median"]
    text = f"{value:.0f}" if value >= 100 else f"{value:.2f}"
    return text if entry["runs"] == 1 else f"{text} ({entry['spread']:.0%})"
