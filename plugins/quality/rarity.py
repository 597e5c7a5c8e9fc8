#!/usr/bin/env python3
"""Measures the stated rarity of daily deviations for measure.py: how often a day deviates as no day of the N days before. Standard library only.

usage: rarity.py SCORES

SCORES is a folder of verdicts, such as target/quality/daily/scores-0/untouched after a run of measure.py.
"""
import collections, datetime, pathlib, sys

from figures import number, rows, source_of

# Numbers of days, and the largest number that a history of 90 days can state.
DAYS = (28, 56, 83)


def days_without(history, deviation):
    """The days of (days before, deviation), newest first, without a deviation to the same side that is as large."""
    for before, other in history:
        if other * deviation > 0 and abs(other) >= abs(deviation):
            return before - 1
    return DAYS[-1]


def measured(folder):
    """For each source: the measured days, and the days with a rarity of at least N days, for each N."""
    sources = collections.defaultdict(collections.Counter)
    for path in sorted(folder.glob("*.csv")):
        known = [(datetime.date.fromisoformat(row["timestamp"][:10]), number(row["value"]) - number(row["expected"]))
                 for row in rows(path) if number(row["value"]) is not None and number(row["expected"]) is not None]
        for place, (day, deviation) in enumerate(known):
            if (day - known[0][0]).days < DAYS[-1] or deviation == 0:
                continue
            before = (((day - earlier).days, other) for earlier, other in reversed(known[:place]))
            rarity = days_without(before, deviation)
            found = sources[source_of(path.stem)]
            found["days"] += 1
            found.update(days for days in DAYS if rarity >= days)
    return sources


def section(folder):
    sources = measured(folder)
    lines = ["## Stated rarity", "",
             f"The reasons of `daily-level` state the number of days without a deviation as large to the same side. On the untouched series of {len(sources)} sources, "
             "the share of days with a rarity of N days or more is compared with 2/N, the share of two sides whose days could change places. The deviations are those of the walk.", "",
             "| N | sources within a factor of 2 | smallest and largest factor |", "|---:|---:|---:|"]
    for days in DAYS:
        factors = [found[days] / found["days"] * days / 2 for found in sources.values()]
        within = sum(0.5 <= factor <= 2 for factor in factors)
        lines.append(f"| {days} | {within} of {len(factors)} | {min(factors):.2f}, {max(factors):.2f} |")
    return lines


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print("\n".join(section(pathlib.Path(sys.argv[1]))))
