#!/usr/bin/env python3
"""Measures the forecast of a month's cost on day 10 and writes the section of plugins/QUALITY.md. Standard library only.

usage: forecast.py COSTWARDEN SETS

Each forecast reads the days up to day 10 of a month. The error is the difference from the real cost of the month, as a share of the real cost.
"""
import calendar, datetime, json, os, pathlib, subprocess, sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import median

from figures import number, rows

ROOT = pathlib.Path(__file__).resolve().parents[2]
QUALITY = ROOT / "plugins/QUALITY.md"
TITLE = "## Cost at the end of the month"
DAY = 10
# Days before day 10 that a measured month needs, and the largest number of unknown days of a month.
HISTORY_DAYS, UNKNOWN_DAYS = 28, 2
# The sets with daily cost.
COSTS = {"openscapes": "series/daily/openscapes--*-cost*.csv", "mybinder, injected incidents": "dev/daily-cost/*.csv"}


@dataclass
class Month:
    """A month of a series: the first day, the real cost of the known days, and the number of known days after day 10."""
    path: pathlib.Path
    first: datetime.date
    real: float
    known_after: int


def months(path):
    """The measured months of a series."""
    costs = {datetime.date.fromisoformat(row["timestamp"][:10]): number(row["value"]) for row in rows(path)}
    start = min(costs)
    for first in sorted({day.replace(day=1) for day in costs}):
        days = [first.replace(day=day) for day in range(1, calendar.monthrange(first.year, first.month)[1] + 1)]
        known = [day for day in days if costs.get(day) is not None]
        real = sum(costs[day] for day in known)
        is_long = (first.replace(day=DAY) - start).days + 1 >= HISTORY_DAYS
        if len(days) - len(known) <= UNKNOWN_DAYS and days[-1] <= max(costs) and is_long and real > 1:
            yield Month(path, first, real, sum(day.day > DAY for day in known))


def forecast(costwarden, month):
    """The error of the forecast, and whether the range holds the real cost; `None` without a range."""
    done = subprocess.run([costwarden, "series", "forecast", "--input", month.path, "--date", str(month.first.replace(day=DAY)), "--json"],
                          capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{month.path}, {month.first}: exit code {done.returncode}: {done.stderr.strip()}")
    found = json.loads(done.stdout)

    def comparable(cost):
        # The forecast includes the days that are unknown in the real cost.
        return found["soFar"] + (cost - found["soFar"]) * month.known_after / found["openDays"]

    error = abs(comparable(found["monthEnd"]) - month.real) / month.real
    is_held = None if found["lower"] is None else comparable(found["lower"]) <= month.real <= comparable(found["upper"])
    return error, is_held


def row(name, found):
    errors = sorted(error for error, _ in found)
    held = [is_held for _, is_held in found if is_held is not None]
    return (f"| {name} | {len(errors)} | {100 * median(errors):.1f} % | {100 * errors[len(errors) * 9 // 10]:.0f} % "
            f"| {100 * sum(held) / len(held):.0f} % of {len(held)} |")


def section(costwarden, sets):
    lines = [TITLE, "",
             f"`costwarden series forecast` on day {DAY} of each month with at most {UNKNOWN_DAYS} unknown days and {HISTORY_DAYS} earlier days. The error is a share of the "
             "real cost of the month. A range is meant to hold 80 % of the months.", "",
             "| series | months | median error | 90 % of the errors are below | in the range |", "|---|---:|---:|---:|---:|"]
    every = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, pattern in COSTS.items():
            measured = [month for path in sorted(sets.glob(pattern)) for month in months(path)]
            found = list(pool.map(lambda month: forecast(costwarden, month), measured))
            lines.append(row(name, found))
            every += found
    return [*lines, row("all", every)]


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    costwarden, sets = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    before, *rest = QUALITY.read_text().split(TITLE)
    after = rest[0][rest[0].index("\n## "):] if rest else before[before.index("\n## Cost\n"):]
    before = before if rest else before[:before.index("\n## Cost\n") + 1]
    QUALITY.write_text(before + "\n".join(section(costwarden, sets)) + "\n" + after)


if __name__ == "__main__":
    main()
