"""Pictures of the worst misses and false alarms for measure.py: one SVG each."""
from figures import at_rate, number, rows

WIDTH, HEIGHT, AROUND = 900, 260, 60
COUNT = 10


def draw(out, title, verdicts, first, last, threshold):
    """Draws the values, the bounds and the alerts around the points `first` to `last`."""
    begin, end = max(0, first - AROUND), min(len(verdicts), last + AROUND + 1)
    part = verdicts[begin:end]
    columns = {key: [number(row[key]) for row in part] for key in ("value", "expected", "lower", "upper", "score")}
    known = [value for value in columns["value"] if value is not None]
    low, high = min([0.0, *known]), max([0.0, *known])
    span = (high - low) or 1.0
    x = lambda i: 10 + i * (WIDTH - 20) / max(1, len(part) - 1)
    y = lambda value: HEIGHT - 20 - (min(max(value, low), high) - low) / span * (HEIGHT - 50)

    def line(values, style):
        points = " ".join(f"{x(i):.1f},{y(value):.1f}" for i, value in enumerate(values) if value is not None)
        return f'<polyline fill="none" {style} points="{points}"/>'

    marks = [f'<circle cx="{x(i):.1f}" cy="{y(columns["value"][i]):.1f}" r="4" fill="#c00"/>'
             for i, score in enumerate(columns["score"]) if score is not None and score >= threshold]
    left, right = x(first - begin) - 3, x(last - begin) + 3
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">'
        f'<rect width="100%" height="100%" fill="#fff"/><rect x="{left:.1f}" y="24" width="{right - left:.1f}" height="{HEIGHT - 44}" '
        f'fill="#fc0" fill-opacity=".3"/><text x="10" y="16">{title}</text>'
        + line(columns["lower"], 'stroke="#9bd"') + line(columns["upper"], 'stroke="#9bd"')
        + line(columns["expected"], 'stroke="#28a" stroke-dasharray="4"') + line(columns["value"], 'stroke="#222"')
        + "".join(marks) + f'<text x="10" y="{HEIGHT - 4}">{part[0]["timestamp"]} to {part[-1]["timestamp"]}, 0 to {high:.6g}</text></svg>\n')


def spans(labels):
    """First and last index of each run of one label other than 0."""
    found, i = [], 0
    while i < len(labels):
        j = i
        while j + 1 < len(labels) and labels[j + 1] == labels[i]:
            j += 1
        if labels[i]:
            found.append((i, j))
        i = j + 1
    return found


def excess(values, first, last):
    """The absolute deviation of a span from the mean of the 28 points before, as a multiple of this mean."""
    before = [value for value in values[max(0, first - 28):first] if value is not None]
    usual = sum(before) / len(before) if before else 0.0
    return sum(abs(value - usual) for value in values[first:last + 1] if value is not None) / (abs(usual) or 1.0)


def draw_worst(folder, labels_folder, scores_folder, threshold, warm_up):
    """Draws the largest incidents without an alert and the largest alerts without an incident."""
    misses, alarms = [], []
    for path in sorted(labels_folder.glob("*.csv")):
        verdicts = rows(scores_folder / path.name)
        labels = [int(float(row.get("label") or 0)) for row in rows(path)]
        scores = [number(row["score"]) or 0 for row in verdicts]
        values = [number(row["value"]) for row in verdicts]
        start = int(len(labels) * warm_up)
        events = [(first, last) for first, last in spans(labels) if first >= start]
        for first, last in events:
            if max(scores[first:last + 1]) < threshold:
                misses.append((excess(values, first, last), path.stem, verdicts, first, last))
        near = {i for first, last in spans(labels) for i in range(first - 1, last + 2)}
        alerts = [int(i >= start and i not in near and score >= threshold) for i, score in enumerate(scores)]
        alarms += [(max(scores[first:last + 1]), path.stem, verdicts, first, last) for first, last in spans(alerts)]
    for kind, found in (("miss", misses), ("false-alarm", alarms)):
        for place, (size, name, verdicts, first, last) in enumerate(sorted(found, key=lambda f: -f[0])[:COUNT], 1):
            title = f"{kind} {place}: {name}, {verdicts[first]['timestamp']}, {'excess' if kind == 'miss' else 'score'} {size:.2f}"
            draw(folder / f"{kind}-{place:02}.svg", title, verdicts, first, last, threshold)
