// Runs the core module of a detector: the canonical ABI of costwarden:detector@1, and the walk of `costwarden plugin run --walk 1`.
// Nothing here touches the page, so the script also runs in other JavaScript engines.
"use strict";
const costwardenDetector = (() => {
  const DAY = 86400;
  // Largest number of days between two anomalous days of one change.
  const MAX_GAP_DAYS = 3;
  const INTERFACE = "costwarden:detector/detector@";

  // Sizes and alignments in bytes of the records of detector.wit.
  const SERIES = {size: 40, align: 8};
  const WINDOW = {size: 56, align: 8};
  const FIT_RESULT = 20;
  const JUDGE_RESULT = 16;
  const VERDICT = 48;
  const ISSUE = 16;

  // One call in a fresh instance, as in the host. The memory may grow in each call of the module, so each access takes a new view.
  class Call {
    constructor(instance) {
      this.exports = instance.exports;
      this.encoder = new TextEncoder();
      this.decoder = new TextDecoder();
      this.exports._initialize?.();
    }

    view() { return new DataView(this.exports.memory.buffer); }

    allocate(align, size) { return size ? this.exports.cabi_realloc(0, 0, align, size) >>> 0 : align; }

    // Writes bytes and returns the pointer and the length.
    bytes(bytes) {
      const pointer = this.allocate(1, bytes.length);
      new Uint8Array(this.exports.memory.buffer).set(bytes, pointer);
      return [pointer, bytes.length];
    }

    text(text) { return this.bytes(this.encoder.encode(text)); }

    // Writes a list of numbers and returns the pointer and the length.
    numbers(values, size, write) {
      const pointer = this.allocate(size, values.length * size);
      const view = this.view();
      values.forEach((value, index) => write(view, pointer + index * size, value));
      return [pointer, values.length];
    }

    setPair(place, [pointer, length]) {
      const view = this.view();
      view.setUint32(place, pointer, true);
      view.setUint32(place + 4, length, true);
    }

    pair(place) {
      const view = this.view();
      return [view.getUint32(place, true), view.getUint32(place + 4, true)];
    }

    readBytes(place) {
      const [pointer, length] = this.pair(place);
      return new Uint8Array(this.exports.memory.buffer, pointer, length).slice();
    }

    readText(place) { return this.decoder.decode(this.readBytes(place)); }

    readList(place, size, read) {
      const [pointer, length] = this.pair(place);
      return Array.from({length}, (_, index) => read(pointer + index * size));
    }

    context({settings, unit, locale}) { return [settings, unit, locale].flatMap((text) => this.text(text)); }

    writeSeries(place, series) {
      this.setPair(place, this.text(series.id));
      this.setPair(place + 24, this.numbers(series.values, 8, (view, at, value) => view.setFloat64(at, value, true)));
      this.setPair(place + 32, this.numbers(series.excluded, 4, (view, at, value) => view.setUint32(at, value, true)));
      const view = this.view();
      view.setBigInt64(place + 8, BigInt(series.start), true);
      view.setInt32(place + 16, series.utcOffset, true);
      view.setUint32(place + 20, series.step, true);
    }

    refusal(place) {
      const view = this.view();
      return view.getUint8(place) === 0 ? {missing: view.getUint32(place + 4, true)} : {failure: this.readText(place + 4)};
    }

    verdict(place) {
      const view = this.view();
      const figure = (offset) => view.getFloat64(place + offset, true);
      const [score, expected, lower, upper] = [8, 16, 24, 32].map(figure);
      return {index: view.getUint32(place, true), score, expected, lower, upper, reason: this.readText(place + 40)};
    }

    // Calls an exported function and reads the result before its memory is released.
    call(name, parameters, read) {
      const exported = Object.keys(this.exports);
      const full = exported.find((key) => key.startsWith(INTERFACE) && key.endsWith(`#${name}`));
      const result = this.exports[full](...parameters) >>> 0;
      const value = read(result);
      this.exports[`cabi_post_${full}`]?.(result);
      return value;
    }

    fit(context, history) {
      const parameters = this.context(context);
      const series = this.allocate(SERIES.align, SERIES.size);
      this.writeSeries(series, history);
      const read = (place) => (this.view().getUint8(place) === 0 ? {state: this.readBytes(place + 4)} : this.refusal(place + 4));
      return this.call("fit", [...parameters, series, 1], (result) => this.readList(result, FIT_RESULT, read)[0]);
    }

    judge(context, {series, state, judgeFrom}) {
      const parameters = this.context(context);
      const window = this.allocate(WINDOW.align, WINDOW.size);
      this.writeSeries(window, series);
      this.setPair(window + 40, this.bytes(state));
      this.view().setUint32(window + 48, judgeFrom, true);
      const verdicts = (place) => ({verdicts: this.readList(place, VERDICT, (at) => this.verdict(at))});
      const read = (place) => (this.view().getUint8(place) === 0 ? verdicts(place + 4) : this.refusal(place + 4));
      return this.call("judge", [...parameters, window, 1], (result) => this.readList(result, JUDGE_RESULT, read)[0]);
    }

    checkSettings(settings) {
      const issue = (place) => ({pointer: this.readText(place), message: this.readText(place + 8)});
      return this.call("check-settings", this.text(settings), (result) => this.readList(result, ISSUE, issue));
    }
  }

  // A compiled module. The log of a detector has no reader here.
  class Detector {
    static async compile(bytes) { return new Detector(await WebAssembly.compile(bytes)); }

    constructor(module) {
      this.module = module;
      this.imports = {};
      for (const {module: from, name} of WebAssembly.Module.imports(module)) (this.imports[from] ??= {})[name] = () => {};
    }

    async instance() { return new Call(await WebAssembly.instantiate(this.module, this.imports)); }

    async checkSettings(settings) { return (await this.instance()).checkSettings(settings); }

    async fit(context, history) { return (await this.instance()).fit(context, history); }

    async judge(context, window) { return (await this.instance()).judge(context, window); }
  }

  // The anomalous points of the changes that are too short for a new level. The points are days in order.
  function shortStreaks(points, acceptAfterDays) {
    const streaks = [];
    for (const point of points) {
      const streak = streaks.at(-1);
      if (streak && point - streak.at(-1) <= MAX_GAP_DAYS) streak.push(point);
      else streaks.push([point]);
    }
    return streaks.filter((streak) => streak.at(-1) - streak[0] + 1 < acceptAfterDays).flat();
  }

  function slice(series, from, to) {
    const {id, start, utcOffset, step, values} = series;
    return {id, start: start + from * step, utcOffset, step, values: values.slice(from, to), excluded: []};
  }

  function check(verdict, day) {
    const {score, expected, lower, upper} = verdict;
    if (![score, expected].every(Number.isFinite) || Number.isNaN(lower) || Number.isNaN(upper)) {
      throw new Error(`day ${day + 1}: the verdict has a number that is not finite`);
    }
    return verdict;
  }

  // Fits on the points before each day, and judges the day. The verdict of a day without a verdict is null.
  async function walk(detector, trial, settings) {
    const {series, historyPoints, acceptAfterDays} = trial;
    const context = {settings, unit: trial.unit, locale: trial.locale};
    const verdicts = series.values.map(() => null);
    const anomalous = [];
    for (let day = 0; day < series.values.length; day += 1) {
      const from = Math.max(0, day - historyPoints);
      const history = slice(series, from, day);
      const masked = shortStreaks(anomalous, acceptAfterDays).filter((point) => point >= from);
      history.excluded = masked.map((point) => point - from);
      const fitted = await detector.fit(context, history);
      if (fitted.failure !== undefined) throw new Error(`day ${day + 1}: ${fitted.failure}`);
      if (fitted.missing !== undefined || Number.isNaN(series.values[day])) continue;
      const window = {series: slice(series, day, day + 1), state: fitted.state, judgeFrom: 0};
      const judged = await detector.judge(context, window);
      if (judged.failure !== undefined) throw new Error(`day ${day + 1}: ${judged.failure}`);
      if (!judged.verdicts?.length) continue;
      verdicts[day] = check(judged.verdicts[0], day);
      if (verdicts[day].score >= 1) anomalous.push(day);
    }
    return verdicts;
  }

  // Returns the 64 bits of the numbers of a verdict as text. An infinite bound has no JSON form and is null.
  function bits(verdict) {
    if (!verdict) return null;
    const view = new DataView(new ArrayBuffer(8));
    const hex = (number) => {
      if (number === null || !Number.isFinite(number)) return "infinite";
      view.setFloat64(0, number);
      return view.getBigUint64(0).toString(16).padStart(16, "0");
    };
    return ["score", "expected", "lower", "upper"].map((field) => hex(verdict[field])).join(" ");
  }

  // Numbers from the JSON of the page: null is a day without a known cost.
  function seriesOf({id, start, utcOffset, values}) {
    return {id, start, utcOffset, step: DAY, values: values.map((value) => (value === null ? NaN : value))};
  }

  function decode(base64) { return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)); }

  return {Detector, walk, bits, seriesOf, decode};
})();
