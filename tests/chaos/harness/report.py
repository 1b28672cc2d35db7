"""The page that tells a run to people: what was done to the cluster, what its clients saw of it, and the
verdict. One file, charts drawn as SVG, nothing loaded from anywhere."""

import html
import math

WIDTH, LEFT, RIGHT = 1160, 110, 20
BIN_SECONDS = 0.5

_STYLE = """
:root { color-scheme: light dark; --ink: #1a1c1f; --soft: #5c6370; --line: #d9dce1; --ground: #ffffff;
  --b1: #2f6fb5; --b2: #c9772b; --b3: #3a8f6b; --none: #c3c7ce; --fault: #b3363e; --heal: #e3b341;
  --good: #2b7a4b; --bad: #b3363e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --soft: #9aa1ad; --line: #363b43;
  --ground: #17191c; --b1: #6ba4e0; --b2: #e29a55; --b3: #66b893; --none: #4a505a; --fault: #e06c75;
  --heal: #d3a63c; --good: #6cc08b; --bad: #e06c75; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground);
  max-width: 1200px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; } h3 { font-size: 1rem; }
.good { color: var(--good); } .bad { color: var(--bad); } .soft, figcaption { color: var(--soft); }
figure { margin: 1rem 0; overflow-x: auto; } svg { display: block; max-width: none; }
svg text { fill: var(--ink); font: 12px system-ui, sans-serif; } svg .soft { fill: var(--soft); }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th, td { text-align: left; padding: 3px 10px 3px 0; border-bottom: 1px solid var(--line);
  vertical-align: top; } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; } code { font-size: 13px; }
.key { display: inline-block; width: 12px; height: 12px; margin: 0 4px 0 14px; border-radius: 2px;
  vertical-align: -1px; }
"""


def _text(what):
    return html.escape(str(what))


class _Axis:
    """Time to pixels."""

    def __init__(self, began, ended):
        self.began, self.ended = began, max(ended, began + 1)
        self.scale = (WIDTH - LEFT - RIGHT) / (self.ended - self.began)

    def x(self, at):
        return LEFT + (min(max(at, self.began), self.ended) - self.began) * self.scale


class _Chart:
    def __init__(self, axis, height):
        self.axis, self.height, self.parts = axis, height, []

    def add(self, part):
        self.parts.append(part)

    def bar(self, first, last, top, height, colour, title):
        left, right = self.axis.x(first), self.axis.x(last)
        self.add(f'<rect x="{left:.1f}" y="{top}" width="{max(right - left, 1.5):.1f}" '
                 f'height="{height}" fill="var(--{colour})"><title>{_text(title)}</title></rect>')

    def label(self, y, text, kind=""):
        self.add(f'<text x="{LEFT - 8}" y="{y}" text-anchor="end" class="{kind}">{_text(text)}</text>')

    def rule(self, y):
        self.add(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" '
                 'stroke="var(--line)"/>')

    def seconds(self):
        step = next(s for s in (5, 10, 20, 30, 60, 120, 300, 600)
                    if (self.axis.ended - self.axis.began) / s <= 16 or s == 600)
        at = 0
        while at <= self.axis.ended - self.axis.began:
            x = self.axis.x(self.axis.began + at)
            self.add(f'<text x="{x:.1f}" y="{self.height - 4}" text-anchor="middle" '
                     f'class="soft">{at} s</text>')
            at += step

    def drawn(self, about):
        return (f'<svg width="{WIDTH}" height="{self.height}" role="img" aria-label="{_text(about)}">'
                + "".join(self.parts) + "</svg>")


def _spans(history):
    """[(kind, text, begin, end, healed)] of the faults."""
    spans, told = [], []
    for fault in history.faults:
        if fault.phase == "begin":
            spans.append([fault.kind, "", fault.at, fault.at, fault.at])
            told = []
        elif not spans:
            continue
        elif fault.phase == "note":
            told.append(fault.text)
            spans[-1][1] = "; ".join(told)
            spans[-1][3] = spans[-1][4] = fault.at
        elif fault.phase == "end":
            spans[-1][3] = spans[-1][4] = fault.at
        else:
            spans[-1][4] = fault.at
    return spans


def _faults(chart, spans, top):
    chart.label(top + 12, "faults")
    for place, (kind, text, begin, end, healed) in enumerate(spans):
        y = top + place % 2 * 18
        chart.bar(begin, end, y, 14, "fault", f"{kind}: {text}")
        if healed > end:
            chart.bar(end, healed, y, 14, "heal", f"{kind}: well again after {healed - end:.1f} s")


def _lane(chart, changes, ended, top, name):
    """Who leads: a bar until the next change."""
    chart.label(top + 11, name)
    for (at, node, title), after in zip(changes, [*[c[0] for c in changes[1:]], ended], strict=True):
        chart.bar(at, after, top, 14, f"b{node}" if node in (1, 2, 3) else "none", title)


def _timeline(history, axis, spans):
    partitions = sorted({change[1] for change in history.leaders})
    chart = _Chart(axis, 78 + 20 * len(partitions) + 20)
    _faults(chart, spans, 4)
    _lane(chart, [(at, node, f"controller: broker {node}") for at, node in history.controllers],
          axis.ended, 46, "controller")
    for place, partition in enumerate(partitions):
        changes = [(at, leader, f"partition {partition}: broker {leader} in leader epoch {epoch}, "
                    f"ISR {isr}")
                   for at, number, leader, epoch, isr in history.leaders if number == partition]
        _lane(chart, changes, axis.ended, 66 + 20 * place, f"partition {partition}")
    chart.seconds()
    return chart.drawn("faults, the controller and the leaders over time")


def _binned(history, axis):
    bins = [[] for _ in range(int((axis.ended - axis.began) / BIN_SECONDS) + 1)]
    for ack in history.acks:
        if axis.began <= ack.ended <= axis.ended:
            bins[int((ack.ended - axis.began) / BIN_SECONDS)].append(ack.ended - ack.began)
    return [sorted(each) for each in bins]


def _throughput(axis, bins):
    chart = _Chart(axis, 150)
    top = max(max(map(len, bins)) / BIN_SECONDS, 1)
    unit = 10 ** math.floor(math.log10(top))
    for value in (0, *[unit * n for n in (1, 2, 5) if unit * n <= top]):
        y = 120 - value / top * 110
        chart.rule(y)
        chart.label(y + 4, f"{value:g}/s", "soft")
    points = [f"{axis.x(axis.began + (n + 0.5) * BIN_SECONDS):.1f},"
              f"{120 - len(each) / BIN_SECONDS / top * 110:.1f}" for n, each in enumerate(bins)]
    chart.add(f'<polyline points="{" ".join(points)}" fill="none" stroke="var(--b1)" '
              'stroke-width="1.5"/>')
    chart.seconds()
    return chart.drawn("acknowledged records a second")


def _latency(axis, bins):
    chart = _Chart(axis, 170)

    def y(seconds):
        return 140 - (math.log10(min(max(seconds, 0.001), 60)) + 3) / 4.8 * 130

    for seconds, name in ((0.001, "1 ms"), (0.01, "10 ms"), (0.1, "100 ms"), (1, "1 s"), (10, "10 s")):
        chart.rule(y(seconds))
        chart.label(y(seconds) + 4, name, "soft")
    for share, colour in ((0.5, "b1"), (0.99, "b2")):
        for n, each in enumerate(bins):
            if each:
                at = axis.began + (n + 0.5) * BIN_SECONDS
                value = each[min(int(len(each) * share), len(each) - 1)]
                chart.add(f'<circle cx="{axis.x(at):.1f}" cy="{y(value):.1f}" r="1.8" '
                          f'fill="var(--{colour})"><title>{value * 1000:.0f} ms</title></circle>')
    chart.seconds()
    return chart.drawn("time from the first sending to the acknowledgement")


def _gaps(history):
    """[(from, to)] of each partition without an acknowledgement, of over a tenth of a second."""
    gaps, last = [], {}
    for ack in sorted(history.acks, key=lambda each: each.ended):
        before = last.get(ack.partition, ack.ended)
        if ack.ended - before > 0.1:
            gaps.append((before, ack.ended))
        last[ack.partition] = ack.ended
    return gaps


def _table(history, spans, began):
    gaps = _gaps(history)
    rows = []
    for kind, text, begin, end, healed in spans:
        acks = sum(begin <= ack.ended <= healed for ack in history.acks)
        gap = max((to - since for since, to in gaps if since < healed and to > begin), default=0)
        rows.append(f'<tr><td class="n">{begin - began:.1f}</td><td>{_text(kind)}</td>'
                    f'<td>{_text(text)}</td><td class="n">{end - begin:.1f}</td>'
                    f'<td class="n">{healed - end:.1f}</td><td class="n">{gap:.1f}</td>'
                    f'<td class="n">{acks}</td></tr>')
    return ('<table><tr><th class="n">at, s</th><th>fault</th><th>what was done</th>'
            '<th class="n">lasted, s</th><th class="n">well again after, s</th>'
            '<th class="n">longest silence of a partition, s</th>'
            '<th class="n">acknowledged meanwhile</th></tr>' + "".join(rows) + "</table>")


def _key(entries):
    return "".join(f'<span class="key" style="background: var(--{colour})"></span>{_text(name)}'
                   for colour, name in entries)


def _episode(seed, history, found):
    spans = _spans(history)
    times = [ack.ended for ack in history.acks] + [fault.at for fault in history.faults]
    if not times:
        return f"<h2>Seed {seed}</h2><p class=bad>Nothing was recorded.</p>"
    axis = _Axis(min(times), max(times))
    bins = _binned(history, axis)
    reads = sum(len(fetch.records) for fetch in history.fetches)
    parts = [
        f"<h2>Seed {seed}</h2>",
        f"<p>{len(spans)} faults, {len(history.acks)} acknowledged records, {reads} records read, "
        f"{axis.ended - axis.began:.0f} s.</p>",
        '<p class="good">Every promise was kept.</p>' if not found else
        '<h3 class="bad">Broken promises</h3><pre class="bad">'
        + _text("\n".join(f"{name}  {what}" for name, what in found)) + "</pre>",
        f"<figure>{_timeline(history, axis, spans)}<figcaption>"
        + _key([("fault", "fault"), ("heal", "taken away, not well yet"), ("b1", "broker 1"),
                ("b2", "broker 2"), ("b3", "broker 3"), ("none", "nobody")])
        + "</figcaption></figure>",
        f"<figure>{_throughput(axis, bins)}<figcaption>Acknowledged records a second</figcaption>"
        "</figure>",
        f"<figure>{_latency(axis, bins)}<figcaption>From the first sending to the acknowledgement"
        + _key([("b1", "half of them"), ("b2", "99 in 100")]) + "</figcaption></figure>",
        _table(history, spans, axis.began),
    ]
    if history.errors:
        told = ", ".join(f"{code}: {count}" for code, count in sorted(history.errors.items()))
        parts.append(f'<p class="soft">Error codes in answers to clients, and how often: {told}</p>')
    for at, producer, why in history.retired:
        parts.append(f'<p class="soft">librdkafka\'s producer {producer} ended after '
                     f"{at - axis.began:.1f} s: {_text(why)}</p>")
    return "".join(parts)


class Page:
    def __init__(self, path, command):
        self._path, self._command = path, command
        self._episodes, self._good = [], True

    def add(self, seed, history, found):
        self._episodes.append(_episode(seed, history, found))
        self._good = self._good and not found
        self._write()

    def _write(self):
        verdict = ('<span class="good">all promises kept</span>' if self._good else
                   '<span class="bad">promises broken</span>')
        with open(self._path, "w") as page:
            page.write(
                '<!doctype html><html lang="en"><meta charset="utf-8">'
                '<meta name="viewport" content="width=device-width, initial-scale=1">'
                f"<title>Chaos run</title><style>{_STYLE}</style><body>"
                f"<h1>Chaos run: {verdict}</h1><p>Three brokers, each on a host and a disk of its own. "
                f"Again with <code>{_text(self._command)}</code></p>" + "".join(self._episodes)
                + "</body></html>\n")
