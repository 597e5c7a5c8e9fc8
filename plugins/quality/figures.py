"""Recall, F1, intervals and held-out figures for measure.py, on top of recall.py and score.py of the sets."""
import csv, io, re, sys
from contextlib import redirect_stdout

# Thresholds from 0.2 to 100 in steps of 2 %, with the shipped threshold 1.
THRESHOLDS = [0.2 * 1.02**i for i in range(315)]
SHIPPED = min(range(len(THRESHOLDS)), key=lambda i: abs(THRESHOLDS[i] - 1))
THRESHOLDS[SHIPPED] = 1.0
SAMPLES = 400


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def number(text):
    return float(text) if text not in ("", "nan", "NaN", None) else None


def script(sets, name, *arguments):
    """The names of recall.py or score.py after a run with these arguments."""
    names, old = {"__name__": "script"}, sys.argv
    sys.argv = [name, *map(str, arguments)]
    try:
        with redirect_stdout(io.StringIO()):
            exec(compile((sets / name).read_text(), name, "exec"), names)
    finally:
        sys.argv = old
    return names


def source_of(stem):
    """The source of a series: the name before `--`, or before the first part with a digit."""
    return stem.split("--")[0] if "--" in stem else re.sub(r"-[^-]*\d.*$", "", stem)


def injected_table(job):
    """For each source: days, and by threshold the alerts, the found incidents and their delays; and the number of incidents."""
    sets, injected, injected_scores, untouched, untouched_scores, to_day_end = job
    names = script(sets, "recall.py", injected, injected_scores, untouched, untouched_scores)
    base, hidden = names["base"], names["hidden"]
    if to_day_end:
        stamps = {name: [row["timestamp"] for row in rows(untouched / f"{name}.csv")] for name in base}
        hidden = [(name, scores, [(first, day_end(stamps[name], last)) for first, last in spans]) for name, scores, spans in hidden]
    money = [extra_cost(path, untouched / f"{name}.csv", scores, base[name][0], spans)
             for path, (name, scores, spans) in zip(sorted(injected.glob("*.csv")), hidden)]
    table = {}
    for source in sorted({source_of(name) for name in base}):
        extra = [of for of, (name, _, _) in zip(money, hidden) if source_of(name) == source]
        names["base"] = {name: of for name, of in base.items() if source_of(name) == source}
        names["hidden"] = [of for of in hidden if source_of(of[0]) == source]
        days = sum(of[2] for of in names["base"].values())
        counts = [(round(names["rate"](t) * days / 30), *names["recall"](t)) for t in THRESHOLDS]
        table[source] = {"days": days, "alerts": [c[0] for c in counts], "found": [c[1] for c in counts],
                         "delay": [c[3] for c in counts], "events": counts[0][2],
                         "extra": sum(of[0] for of in extra), "avoided": sum(of[1] for of in extra)}
    return table


def extra_cost(injected, untouched, scores, scores_before, spans):
    """The extra cost of the hidden rises of a series, and the part after the first new alert at the shipped threshold, in units
    of the median cost: a series of dollars counts as much as a series of cents."""
    values, before = ([number(row["value"]) for row in rows(path)] for path in (injected, untouched))
    alert = lambda found, i: 0 <= i < len(found) and found[i] is not None and found[i] >= 1
    unit = sorted(abs(value) for value in before if value is not None)
    unit = unit[len(unit) // 2] or 1.0
    extra = avoided = 0.0
    for first, last in spans:
        is_known = False
        for i in range(first, last + 1):
            if values[i] is None or before[i] is None:
                continue
            rise = max(0.0, values[i] - before[i]) / unit
            extra, avoided = extra + rise, avoided + (rise if is_known else 0.0)
            is_known = is_known or alert(scores, i) and not any(alert(scores_before, k) for k in (i - 1, i, i + 1))
    return extra, avoided


def day_end(stamps, i):
    while i + 1 < len(stamps) and stamps[i + 1][:10] == stamps[i][:10]:
        i += 1
    return i


def at_rate(parts, rate):
    """The index of the least threshold with at most `rate` alerts per series and 30 days."""
    days = sum(part["days"] for part in parts)
    ok = [i for i in range(len(THRESHOLDS)) if 30 * sum(part["alerts"][i] for part in parts) <= rate * days]
    return ok[0] if ok else len(THRESHOLDS) - 1


def recall_at(parts, i):
    return sum(part["found"][i] for part in parts) / max(1, sum(part["events"] for part in parts))


def interval(samples):
    ordered = sorted(samples)
    return f"{ordered[len(ordered) // 10]:.2f} to {ordered[-1 - len(ordered) // 10]:.2f}"


def resampled(parts, figure, rng):
    return interval([figure(rng.choices(parts, k=len(parts))) for _ in range(SAMPLES)])


def unseen_recall(tables, rate):
    """Recall and rate on held-out sources, with the settings and the threshold of the other sources."""
    held = []
    for source in tables[0]:
        others = [[part for name, part in table.items() if name != source] for table in tables]
        best = max(range(len(tables)), key=lambda s: recall_at(others[s], at_rate(others[s], rate)))
        part, i = tables[best][source], at_rate(others[best], rate)
        held.append({"days": part["days"], "alerts": [part["alerts"][i]], "found": [part["found"][i]], "events": part["events"]})
    alerts = 30 * sum(part["alerts"][0] for part in held) / sum(part["days"] for part in held)
    return f"{recall_at(held, 0):.2f} at {alerts:.2f}"


def labelled_counts(job):
    """For each series: source, events, events with an alert inside, alerts, true alerts, days and delays at threshold 1."""
    sets, labels_folder, scores_folder = job
    names, counts = script(sets, "score.py"), []
    for path in sorted(labels_folder.glob("*.csv")):
        given = rows(path)
        start = len(given) // 4
        labels = [int(float(row["label"] or 0)) for row in given][start:]
        flags = [(number(row["score"]) or 0) >= 1 for row in rows(scores_folder / path.name)][start:]
        events, alerts = names["events"](labels), names["episodes"](flags)
        hits = [next((i - first for i in range(first, last + 1) if flags[i]), None) for first, last in events]
        true = sum(any(a[0] <= e[1] + 1 and a[1] >= e[0] - 1 for e in events) for a in alerts)
        days = (names["when"](given[-1]["timestamp"]) - names["when"](given[start]["timestamp"])).total_seconds() / 86_400
        counts.append({"source": source_of(path.stem), "events": len(events), "alerts": len(alerts), "true": true,
                       "days": days, "delays": [hit for hit in hits if hit is not None]})
    return counts


def f1(counts):
    events, alerts = sum(c["events"] for c in counts), sum(c["alerts"] for c in counts)
    recall = sum(len(c["delays"]) for c in counts) / max(1, events)
    precision = sum(c["true"] for c in counts) / max(1, alerts)
    return 2 * recall * precision / (recall + precision) if recall + precision else 0.0


def unseen_f1(settings):
    """F1 on held-out sources with the settings that lead on the other sources."""
    held = []
    for source in {c["source"] for c in settings[0]}:
        best = max(settings, key=lambda counts: f1([c for c in counts if c["source"] != source]))
        held += [c for c in best if c["source"] == source]
    return f1(held)
