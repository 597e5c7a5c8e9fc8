#!/usr/bin/env python3
"""Measures the bundled detectors and writes plugins/QUALITY.md. Standard library only.

usage: measure.py COSTWARDEN SETS

COSTWARDEN is the binary. SETS is the folder with the sets and with inject.py, recall.py and score.py. The scores and the pictures go to
target/quality, which git ignores.
"""
import csv, datetime, json, os, pathlib, random, shutil, subprocess, sys, tomllib, urllib.request
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from statistics import median

from figures import (SHIPPED, THRESHOLDS, at_rate, f1, injected_table, labelled_counts, number, recall_at, resampled, rows, unseen_f1,
                     unseen_recall)
import forecast
import rarity
from pictures import draw_worst

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORK = ROOT / "target/quality"
REFERENCE = "tutorial"
# The last day and the number of days of the generated series.
END, GENERATED_DAYS = datetime.date(2026, 11, 23), 500
BENCH_ROUNDS = 5
# The settings among which the cross-validation chooses; the first one has the default settings.
GRIDS = {
    "daily-level": [{}] + [{"k": k, "floor": f} for k in (2.5, 3.5, 5) for f in (0.07, 0.1, 0.14) if (k, f) != (3.5, 0.1)],
    "hourly-level": [{}] + [{"k": k, "floor": f} for k in (7, 10, 14) for f in (0.05, 0.08, 0.12) if (k, f) != (10, 0.08)],
}


def sh(*command):
    """The standard output of a command."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}: exit code {done.returncode}: {done.stderr.strip()}")
    return done.stdout


# ------------------------------------------------------------------------------------------------ walks


def per_day(path):
    times = [datetime.datetime.fromisoformat(row["timestamp"].replace("Z", "")[:19]) for row in rows(path)[:50]]
    gaps = sorted((after - before).total_seconds() for before, after in zip(times, times[1:]))
    return max(1, round(86_400 / gaps[len(gaps) // 2]))


def walk(job):
    """Walks a detector over one series as in production and stores the verdicts as CSV."""
    costwarden, plugin, series, out, settings = job
    every = per_day(series)
    text = sh(costwarden, "plugin", "run", ROOT / f"plugins/dist/{plugin}.wasm", "--input", series, "--walk", every,
              "--settings", json.dumps(settings), "--format", "csv")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text)


def accumulated(source, folder):
    """Writes one daily series for each hour of day: the cost up to the end of this hour."""
    hours, day, total = {}, None, None
    for row in rows(source):
        date, hour = row["timestamp"][:10], int(row["timestamp"][11:13])
        value = number(row["value"])
        if date != day:
            day, total = date, 0.0 if hour == 0 else None
        total = None if value is None or total is None else total + value
        hours.setdefault(hour, []).append([date, "" if total is None else f"{total:.9g}"])
    for hour, points in hours.items():
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / f"{hour:02}.csv", "w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([["timestamp", "value"], *points])


def walk_day_to_date(job):
    """Walks the accumulated series of each hour and stores the verdicts in the order of the hourly series."""
    costwarden, plugin, series, out, settings = job
    parts = WORK / "accumulated" / out.relative_to(WORK).with_suffix("")
    accumulated(series, parts)
    verdicts = {}
    for part in parts.glob("??.csv"):
        scored = part.with_suffix(".scores")
        walk((costwarden, plugin, part, scored, settings))
        verdicts |= {(row["timestamp"], int(part.stem)): row for row in rows(scored)}
    empty = {"score": "", "value": "", "expected": "", "lower": "", "upper": ""}
    out.parent.mkdir(parents=True, exist_ok=True)
    with open(out, "w", newline="") as file:
        writer = csv.DictWriter(file, ["timestamp", *empty], extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        for row in rows(series):
            found = verdicts.get((row["timestamp"][:10], int(row["timestamp"][11:13])), empty)
            writer.writerow({**found, "timestamp": row["timestamp"]})
    shutil.rmtree(parts)


def gated(scores, out, rule):
    """Copies the verdicts, with score 0 where a gate of the rule drops the verdict."""
    out.mkdir(parents=True, exist_ok=True)
    for path in scores.glob("*.csv"):
        found = rows(path)
        for row in found:
            value, expected = number(row["value"]), number(row["expected"])
            if expected is not None and value is not None:
                change = (value - expected) / abs(expected) if expected else float("inf")
                if abs(change) < rule.get("min_change", 0) or rule.get("direction") == "up" and change < 0:
                    row["score"] = "0"
        with open(out / path.name, "w", newline="") as file:
            writer = csv.DictWriter(file, found[0].keys(), lineterminator="\n")
            writer.writeheader()
            writer.writerows(found)
    return out


# ------------------------------------------------------------------------------------------------ generated series


def generate(costwarden, folder):
    """Writes the daily cost of each service of a simulated bill: one file per service, with the kind of service as the source."""
    days = [END - datetime.timedelta(days=ago) for ago in range(GENERATED_DAYS, 0, -1)]
    command = [costwarden, "simulate", "--port", "0", "--services", "80", "--catalogue", "irregular", "--incidents", "off",
               "--days", str(GENERATED_DAYS), "--now", f"{END}T12:00:00+09:00"]
    costs = {}
    with subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True) as simulation:
        try:
            address = simulation.stdout.readline().strip()
            for place, day in enumerate(days):
                for row in bill(address, f"{day:%Y%m%d}"):
                    name = f"{row['serviceId']}--{row['projectId']}"
                    costs.setdefault(name, [0.0] * len(days))[place] += row.get("expectAmount") or 0.0
        finally:
            simulation.terminate()
    folder.mkdir(parents=True)
    for name, amounts in costs.items():
        with open(folder / f"{name}.csv", "w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["timestamp", "value"])
            writer.writerows([day, f"{cost:.10g}"] for day, cost in zip(days, amounts))
    return folder


def forget_unchanged(untouched, injected):
    """Removes the labels of incidents that changed nothing: inject.py scales incidents by a level, which may be 0."""
    for path in injected.glob("*.csv"):
        found, before = rows(path), rows(untouched / f"{path.stem.rsplit('-', 1)[0]}.csv")
        amounts = [(row["label"], float(row["value"]), float(old["value"])) for row, old in zip(found, before)]
        # inject.py rounds to 6 digits.
        changed = {label for label, new, old in amounts if abs(new - old) > 1e-4 * abs(old)}
        with open(path, "w", newline="") as file:
            writer = csv.DictWriter(file, found[0].keys(), lineterminator="\n")
            writer.writeheader()
            writer.writerows({**row, "label": row["label"] if row["label"] in changed else "0"} for row in found)


def bill(address, day):
    """The rows of a day."""
    query = f"from={day}&to={day}&page=0&size=10000"
    request = urllib.request.Request(f"{address}/open/billing/public/v2/cost/resources?{query}", headers={
        "Credential-ID": "simulated-id", "Credential-Secret": "simulated-secret", "Content-Type": "application/json"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
        return json.load(answer)["result"]["content"]


# ------------------------------------------------------------------------------------------------ report


@dataclass
class Injected:
    """A set of untouched series with hidden incidents."""
    name: str
    title: str
    folder: str
    detector: str
    rule: str
    rates: tuple
    main_rate: float
    kinds: tuple = ()
    seeds: tuple = (1, 2)
    is_day_to_date: bool = False
    # Number of settings for the cross-validation. One setting of the day-to-date series takes as long as nine of the daily series.
    settings: int = 9


@dataclass
class Labelled:
    """A set of series with labelled incidents."""
    name: str
    title: str
    folder: str
    detector: str
    rule: str


INJECTED = [
    Injected("daily", "Days, hidden incidents", "series/daily", "daily-level", "service-daily", (0.1, 0.2, 0.5, 1), 0.5),
    Injected("hourly", "Hours, hidden incidents", "series/hourly", "hourly-level", "", (0.5, 1, 2), 1, seeds=(1,)),
    Injected("day-to-date", "Day so far, hidden rises", "series/hourly", "daily-level", "service-today", (0.2, 0.5, 1), 0.5,
             ("spike", "plateau", "step", "ramp"), (1,), True, 1),
    Injected("generated", "Days, generated bills with hidden incidents", "generated/series", "daily-level", "service-daily",
             (0.1, 0.2, 0.5, 1), 0.5, seeds=(1,), settings=1),
]
LABELLED = [
    Labelled("daily-cost", "Days, labelled cost", "dev/daily-cost", "daily-level", "service-daily"),
    Labelled("hourly-metrics", "Hours, labelled metrics", "dev/hourly", "hourly-level", ""),
    Labelled("nab", "Minutes and hours, part of NAB", "dev/nab", "hourly-level", ""),
]


class Run:
    def __init__(self, costwarden, sets, pool):
        self.costwarden, self.sets, self.pool = costwarden, sets, pool
        default = tomllib.loads((ROOT / "rules/default/default.toml").read_text())
        self.rules = {rule["id"]: rule for rule in default["rule"]}

    def walk(self, jobs, is_day_to_date=False):
        """Walks detectors: (plugin, folder of series, folder of verdicts, settings)."""
        one = walk_day_to_date if is_day_to_date else walk
        list(self.pool.map(one, [(self.costwarden, plugin, path, out / path.name, settings)
                                 for plugin, folder, out, settings in jobs for path in sorted(folder.glob("*.csv"))], chunksize=4))

    def injected(self, of):
        untouched, injected = self.sets / of.folder, WORK / of.name / "injected"
        if of.name == "generated":
            untouched = generate(self.costwarden, WORK / of.folder)
        for seed in of.seeds:
            sh(sys.executable, self.sets / "inject.py", untouched, injected, seed, *of.kinds)
        if of.name == "generated":
            forget_unchanged(untouched, injected)
        candidates = [(of.detector, settings) for settings in GRIDS[of.detector][:of.settings]] + [(REFERENCE, {})]
        outs = [WORK / of.name / f"scores-{index}" for index in range(len(candidates))]
        self.walk([(plugin, folder, out / part, settings) for (plugin, settings), out in zip(candidates, outs)
                   for part, folder in (("untouched", untouched), ("injected", injected))], of.is_day_to_date)
        pairs = [(out / "injected", out / "untouched") for out in outs]
        if of.rule:
            rule = WORK / of.name / "rule"
            pairs.append(tuple(gated(scores, rule / scores.name, self.rules[of.rule]) for scores in pairs[0]))
        jobs = [(self.sets, injected, found, untouched, quiet, of.is_day_to_date) for found, quiet in pairs]
        tables = list(self.pool.map(injected_table, jobs))
        shown = [(of.detector, tables[0])] + ([(f"rule {of.rule}", tables[-1])] if of.rule else [])
        shown.append((REFERENCE, tables[len(candidates) - 1]))
        main = list(tables[0].values())
        threshold = THRESHOLDS[at_rate(main, of.main_rate)]
        draw_worst(WORK / "pictures" / of.name, injected, pairs[0][0], threshold, 0.35)
        return injected_section(of, shown, tables[:len(candidates) - 1])

    def labelled(self, of):
        folder = self.sets / of.folder
        candidates = [(of.detector, settings) for settings in GRIDS[of.detector]] + [(REFERENCE, {})]
        outs = [WORK / of.name / f"scores-{index}" for index in range(len(candidates))]
        self.walk([(plugin, folder, out, settings) for (plugin, settings), out in zip(candidates, outs)])
        if of.rule:
            outs.append(gated(outs[0], WORK / of.name / "rule", self.rules[of.rule]))
        counts = list(self.pool.map(labelled_counts, [(self.sets, folder, out) for out in outs]))
        shown = [(of.detector, counts[0])] + ([(f"rule {of.rule}", counts[-1])] if of.rule else [])
        shown.append((REFERENCE, counts[len(candidates) - 1]))
        draw_worst(WORK / "pictures" / of.name, folder, outs[0], 1.0, 0.25)
        return labelled_section(of, shown, counts[:len(candidates) - 1])

    def cost(self):
        """Time and fuel per series of a batch, beside the reference detector in the same process."""
        lines = ["## Cost", "",
                 "Fuel and time per series in batches of 512, from `costwarden plugin bench`: a fit over 365 points and a verdict over one point. "
                 f"The time is a multiple of the time of `{REFERENCE}`: the least of {BENCH_ROUNDS} rounds of both in turns.", "",
                 "| detector | fit, fuel | judge, fuel | fit, time | judge, time |", "|---|---:|---:|---:|---:|"]
        reference = ROOT / f"plugins/dist/{REFERENCE}.wasm"
        for plugin in [REFERENCE, *GRIDS]:
            rounds = []
            for _ in range(BENCH_ROUNDS):
                text = sh(self.costwarden, "plugin", "bench", ROOT / f"plugins/dist/{plugin}.wasm", "--against", reference, "--json")
                rounds.append({m["call"]: m for m in map(json.loads, text.splitlines()) if (m["days"], m["batch"]) == (365, 512)})
            fuel = [rounds[0][call]["cost"]["fuel"] / 512 for call in ("fit", "judge")]
            least = lambda call, side: min(found[call][side]["microseconds"] for found in rounds)
            time = [least(call, "cost") / least(call, "against") for call in ("fit", "judge")]
            lines.append(f"| {plugin} | {fuel[0]:,.0f} | {fuel[1]:,.0f} | {time[0]:.1f} | {time[1]:.1f} |")
        return lines


def injected_section(of, shown, tables):
    events = sum(part["events"] for part in shown[0][1].values())
    unit = "hours" if of.is_day_to_date or of.detector == "hourly-level" else "days"
    lines = [f"## {of.title}", "",
             f"{events} incidents in `{of.folder}`, {len(shown[0][1])} sources. Recall at a rate of alerts per series and 30 days on the untouched series; "
             f"the delay is in {unit}.", "",
             "| detector | " + " | ".join(f"at {rate}" for rate in of.rates) + " | shipped: recall, alerts, avoided | delay |", "|---|" + "---:|" * (len(of.rates) + 2)]
    for name, table in shown:
        parts = list(table.values())
        alerts = 30 * sum(p["alerts"][SHIPPED] for p in parts) / sum(p["days"] for p in parts)
        avoided = sum(p["avoided"] for p in parts) / max(1e-9, sum(p["extra"] for p in parts))
        i = at_rate(parts, of.main_rate)
        delays = [p["delay"][i] for p in parts for _ in range(p["found"][i]) if p["delay"][i] is not None]
        lines.append(f"| {name} | " + " | ".join(f"{recall_at(parts, at_rate(parts, rate)):.2f}" for rate in of.rates)
                     + f" | {recall_at(parts, SHIPPED):.2f}, {alerts:.2f}, {avoided:.2f} | {middle(delays)} |")
    parts, rng = list(shown[0][1].values()), random.Random(1)
    spread = [f"{resampled(parts, lambda p, r=rate: recall_at(p, at_rate(p, r)), rng)} at {rate}" for rate in of.rates]
    i = at_rate(parts, of.main_rate)
    large = [(recall_at([p], i), name, p["events"]) for name, p in shown[0][1].items() if p["events"] >= 20]
    lines += ["", f"{of.detector}: 80 % of the bootstrap samples over sources lie at {'; '.join(spread)}."
              + worst_source(large, f" at {of.main_rate}")]
    if len(tables) > 1:
        held = "; ".join(f"{unseen_recall(tables, rate)} instead of {rate}" for rate in of.rates)
        lines += ["", f"With the settings (of {len(tables)}) and the threshold chosen without the measured source, recall and alerts: {held}."]
    if of.name == "generated":
        by_kind = sorted(((30 * p["alerts"][SHIPPED] / p["days"], name) for name, p in shown[0][1].items()), reverse=True)
        kinds = ", ".join(f"{name} {rate:.2f}" for rate, name in by_kind)
        lines += ["", f"Alerts per series and 30 days at the shipped threshold, by kind: {kinds}."]
    return lines


def middle(delays):
    return f"{median(delays):g}" if delays else "none"


def worst_source(large, at):
    """A sentence about the least of (figure, source, incidents)."""
    if not large:
        return ""
    figure, source, events = min(large)
    return f" The worst source with 20 or more incidents{at}: {source}, {figure:.2f} of {events}."


def labelled_section(of, shown, counts):
    events, sources = sum(c["events"] for c in counts[0]), {c["source"] for c in counts[0]}
    lines = [f"## {of.title}", "",
             f"{events} incidents in {len(counts[0])} series of `{of.folder}`, {len(sources)} sources. F1 counts only alerts inside an incident; "
             "the delay is in points.", "",
             "| detector | F1 | recall | false per series and 30 d | delay |", "|---|---:|---:|---:|---:|"]
    for name, of_detector in shown:
        false = 30 * sum(c["alerts"] - c["true"] for c in of_detector) / sum(c["days"] for c in of_detector)
        delays = [delay for c in of_detector for delay in c["delays"]]
        lines.append(f"| {name} | {f1(of_detector):.2f} | {len(delays) / max(1, events):.2f} | {false:.2f} | {middle(delays)} |")
    rng = random.Random(1)
    by_source = [(source, [c for c in counts[0] if c["source"] == source]) for source in sources]
    sized = [(f1(found), source, sum(c["events"] for c in found)) for source, found in by_source]
    large = [source for source in sized if source[2] >= 20]
    lines += ["", f"{of.detector}: 80 % of the bootstrap samples over series lie at {resampled(counts[0], f1, rng)}. "
              f"With the settings (of {len(counts)}) chosen without the measured source, F1 is {unseen_f1(counts):.2f}."
              + worst_source(large, "")]
    return lines


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    costwarden, sets = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    for part in ["inject.py", "recall.py", "score.py", *(of.folder for of in INJECTED + LABELLED if of.name != "generated")]:
        if not (sets / part).exists():
            sys.exit(f"{sets / part} is absent: name the folder with the sets in SETS")
    shutil.rmtree(WORK, ignore_errors=True)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        write_report(Run(costwarden, sets, pool))


def write_report(run):
    lines = ["# Quality of the bundled detectors", "", "Written by `make quality`; [README.md](README.md) describes the sets and the measures.", ""]
    for of in INJECTED:
        lines += [*run.injected(of), ""]
    for of in LABELLED:
        lines += [*run.labelled(of), ""]
    lines += [*forecast.section(run.costwarden, run.sets), ""]
    lines += [*rarity.section(WORK / "daily/scores-0/untouched"), ""]
    lines += run.cost()
    (ROOT / "plugins/QUALITY.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
