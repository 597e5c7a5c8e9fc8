"""Alerts when a point costs several times the usual amount of its weekday.

The usual amount is the median of the weekday's points in the history. A weekday with too few points uses the median of
all points.
"""

import io
import json
import math
import struct
import sys

from componentize_py_types import Err, Ok
from wit_world import exports
from wit_world.imports import log
from wit_world.imports.types import Baseline, Issue, Manifest, Refusal_Learning, Scope, Verdict

SETTINGS = {
    "ratio": {
        "description": "Alert threshold as a multiple of the weekday's usual amount; above 1, at most 100.",
        "type": "number", "exclusiveMinimum": 1, "maximum": 100, "default": 2.0,
    },
    "weeks": {
        "description": "Minimum number of points for a median of one weekday; 1 to 52.",
        "type": "integer", "minimum": 1, "maximum": 52, "default": 3,
    },
    "minAmount": {"description": "Amount below which no point alerts; at least 0.", "type": "number", "minimum": 0, "default": 0.0},
}
DEFAULTS = {name: schema["default"] for name, schema in SETTINGS.items()}
ENGLISH = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
KOREAN = ["월요일", "화요일", "수요일", "목요일", "금요일", "토요일", "일요일"]
USUAL = struct.Struct("<7d")  # The state: the usual amount of each weekday, starting with Monday.
DAY = 86_400


def told(kind, error, trace):
    """Logs an exception that ends a call; the host sees no other trace of it."""
    while trace and trace.tb_next:
        trace = trace.tb_next
    place = f" (line {trace.tb_lineno})" if trace else ""
    log.emit(log.Level.ERROR, f"{kind.__name__}: {error}{place}")


class Printed(io.TextIOBase):
    """Sends printed lines to the log; the sandbox has no standard output."""

    rest = ""

    def write(self, text):
        *lines, self.rest = (self.rest + text).split("\n")
        for line in lines:
            log.emit(log.Level.INFO, line)
        return len(text)


def called(method):
    """Sends exceptions and printed text to the log during calls. No log exists while the plugin is built."""

    def logged(*arguments):
        sys.excepthook = told
        sys.stdout = Printed()
        return method(*arguments)

    return logged


class Detector(exports.Detector):
    @called
    def describe(self):
        schema = {"type": "object", "additionalProperties": False, "properties": SETTINGS}
        return Manifest(
            name="weekday-ratio",
            version="0.1.0",
            summary="alerts when a point costs several times what its weekday usually does",
            settings_schema=json.dumps(schema),
            min_points=7,
            scope=Scope.EACH,
        )

    @called
    def check_settings(self, settings):
        try:
            given = json.loads(settings)
        except ValueError as error:
            return [Issue("", str(error))]
        if not isinstance(given, dict):
            return [Issue("", "must be an object")]
        wanted = DEFAULTS | given
        ratio, weeks, least = wanted["ratio"], wanted["weeks"], wanted["minAmount"]
        held = {
            "/ratio": (is_number(ratio) and 1 < ratio <= 100, "must be above 1 and at most 100"),
            "/weeks": (is_number(weeks) and isinstance(weeks, int) and 1 <= weeks <= 52, "must be 1 to 52"),
            "/minAmount": (is_number(least) and least >= 0, "must be at least 0"),
        }
        unknown = [Issue(f"/{name}", f"unknown setting `{name}`") for name in given if name not in DEFAULTS]
        return unknown + [Issue(pointer, message) for pointer, (holds, message) in held.items() if not holds]

    @called
    def fit(self, context, history):
        weeks = (DEFAULTS | json.loads(context.settings))["weeks"]
        return [fit(weeks, series) for series in history]

    @called
    def judge(self, context, windows):
        settings = DEFAULTS | json.loads(context.settings)
        return [Ok(judge(context, settings, window)) for window in windows]


def fit(weeks, series):
    excluded = set(series.excluded)
    points = [(i, value) for i, value in enumerate(series.values) if math.isfinite(value) and i not in excluded]
    if len(points) < 7 * weeks:
        return Err(Refusal_Learning(7 * weeks - len(points)))
    by_weekday = [[] for _ in range(7)]
    for i, value in points:
        by_weekday[weekday(series, i)].append(value)
    overall = median([value for _, value in points])
    usual = [median(values) if len(values) >= weeks else overall for values in by_weekday]
    figures = [(name.lower(), amount) for name, amount in zip(ENGLISH, usual)]
    return Ok(Baseline(USUAL.pack(*usual), figures))


def judge(context, settings, window):
    usual = USUAL.unpack(window.state)
    verdicts = []
    for i in range(window.judge_from, len(window.series.values)):
        observed = window.series.values[i]
        if not math.isfinite(observed):
            continue
        day = weekday(window.series, i)
        expected = usual[day]
        if expected <= 0:
            # A multiple of 0 is 0, so no ratio exists. Another detector handles new spend.
            verdicts.append(Verdict(i, 0.0, expected, -math.inf, math.inf, ""))
            continue
        upper = max(settings["ratio"] * expected, settings["minAmount"])
        score = min(max(observed / upper, 0.0), sys.float_info.max)
        text = reason(context, day, observed, expected) if score >= 1 else ""
        verdicts.append(Verdict(i, score, expected, -math.inf, upper, text))
    return verdicts


def reason(context, day, observed, expected):
    times = rounded(observed / expected * 10) / 10
    korean = context.locale.replace("_", "-").split("-")[0] == "ko"
    unit = "원" if korean and context.unit == "KRW" else f" {context.unit}" if context.unit else ""
    was, should_be = (f"{rounded(value):,}{unit}" for value in (observed, expected))
    if korean:
        return f"{was}: {KOREAN[day]} 평소 금액 {should_be}의 {times:.1f}배입니다"
    return f"{was} is {times:.1f} times the usual {should_be} of a {ENGLISH[day]}"


def weekday(series, i):
    """The weekday from Monday = 0; 1970-01-01 was a Thursday."""
    return ((series.start + series.utc_offset + i * series.step) // DAY + 3) % 7


def median(values):
    values = sorted(values)
    low, high = values[(len(values) - 1) // 2], values[len(values) // 2]
    return low + (high - low) * 0.5


def rounded(value):
    """Rounds to a whole number, halves upward."""
    return math.floor(value + 0.5)


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)
