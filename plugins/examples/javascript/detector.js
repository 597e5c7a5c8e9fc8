// Alerts when a point costs several times the usual amount of its weekday.
//
// The usual amount is the median of the weekday's points in the history. A weekday with too few points uses the median
// of all points.

import { emit } from "costwarden:detector/log@1.0.0";

const SETTINGS = {
  ratio: {
    description: "Alert threshold as a multiple of the weekday's usual amount; above 1, at most 100.",
    type: "number", exclusiveMinimum: 1, maximum: 100, default: 2.0,
  },
  weeks: {
    description: "Minimum number of points for a median of one weekday; 1 to 52.",
    type: "integer", minimum: 1, maximum: 52, default: 3,
  },
  minAmount: { description: "Amount below which no point alerts; at least 0.", type: "number", minimum: 0, default: 0.0 },
};
const DEFAULTS = Object.fromEntries(Object.entries(SETTINGS).map(([name, schema]) => [name, schema.default]));
const ENGLISH = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const KOREAN = ["월요일", "화요일", "수요일", "목요일", "금요일", "토요일", "일요일"];
const DAY = 86_400;

/** Logs an exception before it ends the call; the host sees no other trace of it. */
function told(method) {
  return (...args) => {
    try {
      return method(...args);
    } catch (error) {
      emit("error", `${error} (${String(error?.stack).split("\n")[0]})`);
      throw error;
    }
  };
}

export const detector = {
  describe: told(() => {
    return {
      name: "weekday-ratio",
      version: "0.1.0",
      summary: "alerts when a point costs several times what its weekday usually does",
      settingsSchema: JSON.stringify({ type: "object", additionalProperties: false, properties: SETTINGS }),
      minPoints: 7,
      scope: "each",
    };
  }),

  checkSettings: told((text) => {
    let given;
    try {
      given = JSON.parse(text);
    } catch (error) {
      return [{ pointer: "", message: error.message }];
    }
    if (given === null || typeof given !== "object" || Array.isArray(given)) {
      return [{ pointer: "", message: "must be an object" }];
    }
    const { ratio, weeks, minAmount } = { ...DEFAULTS, ...given };
    const held = [
      [isNumber(ratio) && ratio > 1 && ratio <= 100, "/ratio", "must be above 1 and at most 100"],
      [Number.isInteger(weeks) && weeks >= 1 && weeks <= 52, "/weeks", "must be 1 to 52"],
      [isNumber(minAmount) && minAmount >= 0, "/minAmount", "must be at least 0"],
    ];
    const unknown = Object.keys(given).filter((name) => !Object.hasOwn(DEFAULTS, name));
    return [
      ...unknown.map((name) => ({ pointer: `/${name}`, message: `unknown setting \`${name}\`` })),
      ...held.filter(([holds]) => !holds).map(([, pointer, message]) => ({ pointer, message })),
    ];
  }),

  fit: told((context, history) => {
    const { weeks } = { ...DEFAULTS, ...JSON.parse(context.settings) };
    return history.map((series) => fit(weeks, series));
  }),

  judge: told((context, windows) => {
    const settings = { ...DEFAULTS, ...JSON.parse(context.settings) };
    return windows.map((window) => ({ tag: "ok", val: judge(context, settings, window) }));
  }),
};

function fit(weeks, series) {
  const excluded = new Set(series.excluded);
  const all = [];
  const byWeekday = Array.from({ length: 7 }, () => []);
  for (let i = 0; i < series.values.length; i++) {
    const value = series.values[i];
    if (!Number.isFinite(value) || excluded.has(i)) continue;
    all.push(value);
    byWeekday[weekday(series, i)].push(value);
  }
  if (all.length < 7 * weeks) {
    return { tag: "err", val: { tag: "learning", val: 7 * weeks - all.length } };
  }
  const overall = median(all);
  const usual = byWeekday.map((values) => (values.length >= weeks ? median(values) : overall));
  const figures = usual.map((amount, day) => [ENGLISH[day].toLowerCase(), amount]);
  return { tag: "ok", val: { state: pack(usual), figures } };
}

function judge(context, settings, { series, state, judgeFrom }) {
  const usual = unpack(state);
  const verdicts = [];
  for (let index = judgeFrom; index < series.values.length; index++) {
    const observed = series.values[index];
    if (!Number.isFinite(observed)) continue;
    const day = weekday(series, index);
    const expected = usual[day];
    if (expected <= 0) {
      // A multiple of 0 is 0, so no ratio exists. Another detector handles new spend.
      verdicts.push({ index, score: 0, expected, lower: -Infinity, upper: Infinity, reason: "" });
      continue;
    }
    const upper = Math.max(settings.ratio * expected, settings.minAmount);
    const score = Math.min(Math.max(observed / upper, 0), Number.MAX_VALUE);
    const text = score >= 1 ? reason(context, day, observed, expected) : "";
    verdicts.push({ index, score, expected, lower: -Infinity, upper, reason: text });
  }
  return verdicts;
}

function reason({ locale, unit }, day, observed, expected) {
  const times = (rounded((observed / expected) * 10) / 10).toFixed(1);
  const korean = locale.split(/[-_]/)[0] === "ko";
  const suffix = korean && unit === "KRW" ? "원" : unit && ` ${unit}`;
  const [was, shouldBe] = [observed, expected].map((value) => grouped(rounded(value)) + suffix);
  return korean
    ? `${was}: ${KOREAN[day]} 평소 금액 ${shouldBe}의 ${times}배입니다`
    : `${was} is ${times} times the usual ${shouldBe} of a ${ENGLISH[day]}`;
}

/** The weekday from Monday = 0; 1970-01-01 was a Thursday. */
function weekday(series, i) {
  const days = Math.floor((Number(series.start) + series.utcOffset + i * series.step) / DAY);
  return (((days + 3) % 7) + 7) % 7;
}

function median(values) {
  // Typed arrays sort inside the engine. A JavaScript comparison is interpreted in the sandbox: with one, a fit of a
  // year of days costs 20 million units of fuel instead of 8.
  const sorted = Float64Array.from(values).sort();
  const low = sorted[(sorted.length - 1) >> 1];
  const high = sorted[sorted.length >> 1];
  return low + (high - low) * 0.5;
}

/** Rounds to a whole number, halves upward. */
function rounded(value) {
  return Math.floor(value + 0.5);
}

/** Groups digits: 1234567 becomes 1,234,567. */
function grouped(whole) {
  return BigInt(whole).toString().replace(/\B(?=(\d{3})+$)/g, ",");
}

/** Packs the state: seven little-endian doubles, starting with Monday. */
function pack(usual) {
  const view = new DataView(new ArrayBuffer(8 * usual.length));
  usual.forEach((amount, day) => view.setFloat64(8 * day, amount, true));
  return new Uint8Array(view.buffer);
}

function unpack(state) {
  const view = new DataView(state.buffer, state.byteOffset, state.byteLength);
  return ENGLISH.map((_, day) => view.getFloat64(8 * day, true));
}

function isNumber(value) {
  return typeof value === "number";
}
