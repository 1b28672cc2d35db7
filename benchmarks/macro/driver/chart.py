"""A bar chart as SVG, by hand: a panel a kind of figure, in it one group a case."""

COLOURS = {"kafka": "#8c8c8c", "strandline": "#1f6f8b", "strandline-unsynced": "#7fc4d6"}
PANELS = (("produce", "Produce, MB/s", "mb_s"), ("fetch", "Fetch, MB/s", "mb_s"))
BAR, GAP, LABEL, WIDTH, TOP = 14, 10, 230, 900, 70


def svg(summary, subtitle, panels=PANELS):
    body, y = [], TOP
    for phase, title, metric in panels:
        cases = [(key[1], summary[key]) for key in summary if key[0] == phase]
        if not cases:
            continue
        greatest = max(entry[metric]["median"] for _, c in cases for entry in c.values())
        body.append(_text(10, y, title, "bold"))
        y += 12
        for case, contenders in cases:
            body.append(_text(10, y + BAR, case))
            for contender, entry in contenders.items():
                y = _bar(body, y, contender, entry[metric]["median"], greatest)
            y += GAP
        y += 24
    legend = []
    for n, (contender, colour) in enumerate(COLOURS.items()):
        legend.append(f'<rect x="{10 + 190 * n}" y="38" width="12" height="12" fill="{colour}"/>')
        legend.append(_text(28 + 190 * n, 48, contender))
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" '
        'font-family="sans-serif" font-size="12">'
    )
    ground = f'<rect width="{WIDTH}" height="{y}" fill="white"/>'
    return (
        "\n".join([head, ground, _text(10, 22, subtitle, "bold"), *legend, *body, "</svg>"]) + "\n"
    )


def _bar(body, y, contender, value, greatest):
    length = (WIDTH - LABEL - 80) * value / (greatest or 1)
    colour = COLOURS.get(contender, "#cccccc")
    body.append(
        f'<rect x="{LABEL}" y="{y + 2}" width="{length:.1f}" height="{BAR - 2}" fill="{colour}"/>'
    )
    body.append(_text(LABEL + length + 5, y + BAR - 2, f"{value:.0f}"))
    return y + BAR


def _text(x, y, text, weight="normal"):
    safe = text.replace("&", "&amp;").replace("<", "&lt;")
    return f'<text x="{x:.1f}" y="{y}" font-weight="{weight}">{safe}</text>'
