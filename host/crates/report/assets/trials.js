// The trials of the page: a form from the schema of the settings, the evaluation, the chart, and the days with another verdict.
"use strict";
(() => {
  const {Detector, walk, bits, seriesOf, decode} = costwardenDetector;
  const {unit, locale, words, detectors, trials} = JSON.parse(document.getElementById("trials").textContent);
  const amount = new Intl.NumberFormat(document.documentElement.lang, {maximumFractionDigits: 2});
  const compiled = new Map();

  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const isAnomalous = (verdict) => Boolean(verdict) && verdict.score >= 1;
  const day = (first, index) => new Date(Date.parse(first + "T00:00:00Z") + index * 86400000).toISOString().slice(0, 10);

  function element(name, text, attributes = {}) {
    const made = Object.assign(document.createElement(name), attributes);
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function module(digest) {
    if (!compiled.has(digest)) compiled.set(digest, Detector.compile(decode(detectors[digest].module)));
    return compiled.get(digest);
  }

  // Returns the field of a setting, with a function that reads its value.
  function field(name, schema, value) {
    const label = element("label", `${name} `, {title: schema.description ?? ""});
    if (Array.isArray(schema.enum)) {
      const select = element("select", undefined, {name});
      schema.enum.forEach((choice, index) => select.append(element("option", String(choice), {value: index, selected: choice === value})));
      label.append(select);
      return {label, read: () => schema.enum[Number(select.value)]};
    }
    if (schema.type === "boolean") {
      const box = element("input", undefined, {type: "checkbox", name, checked: value === true});
      label.append(box);
      return {label, read: () => box.checked};
    }
    // A number is JSON too. An empty field leaves the setting to the detector.
    const text = value === undefined ? "" : JSON.stringify(value);
    const input = element("input", undefined, {type: "text", name, value: text, inputMode: schema.type === "string" ? "text" : "decimal"});
    label.append(input);
    const read = () => {
      if (input.value.trim() === "") return undefined;
      try {
        return JSON.parse(input.value);
      } catch {
        throw new Error(`${name}: ${input.value} ${words.notJson}`);
      }
    };
    return {label, read};
  }

  function start(card) {
    const trial = trials[Number(card.dataset.trial)];
    const series = seriesOf(trial);
    const own = JSON.parse(trial.settings);
    const {schema} = detectors[trial.detector];
    const properties = schema?.properties ?? {};
    const form = card.querySelector("form");
    const status = card.querySelector(".status");
    const place = card.querySelector(".chart");
    const table = card.querySelector("table");
    const host = trial.verdicts;
    let fields = [];

    function range(verdict) {
      if (!verdict) return words.noVerdict;
      const bound = (number) => (Number.isFinite(number) && number !== null ? amount.format(number) : "∞");
      return `${isAnomalous(verdict) ? words.anomalous : words.usual}: ${bound(verdict.lower)} – ${bound(verdict.upper)}`;
    }

    function show(verdicts) {
      const finite = (number) => (Number.isFinite(number) ? number : null);
      costwardenChart(place, trial.first, {
        cost: trial.values,
        lower: verdicts.map((verdict) => verdict && finite(verdict.lower)),
        upper: verdicts.map((verdict) => verdict && finite(verdict.upper)),
        spans: verdicts.flatMap((verdict, index) => (isAnomalous(verdict) ? [[day(trial.first, index), day(trial.first, index)]] : [])),
      });
      const rows = [];
      verdicts.forEach((verdict, index) => {
        if (isAnomalous(verdict) === isAnomalous(host[index]) && !verdict === !host[index]) return;
        const row = element("tr");
        const cost = trial.values[index];
        row.append(
          element("th", day(trial.first, index), {scope: "row"}),
          element("td", cost === null ? "" : amount.format(cost), {className: "n"}),
          element("td", range(host[index])),
          element("td", range(verdict)),
        );
        rows.push(row);
      });
      table.tBodies[0].replaceChildren(...rows);
      table.hidden = rows.length === 0;
      return rows.length;
    }

    // The text of the rule itself while no field has changed, so that the detector gets the bytes of the host.
    function settings() {
      const changed = {...own};
      let hasChanged = false;
      for (const {name, read, initial} of fields) {
        const value = read();
        if (JSON.stringify(value) === JSON.stringify(initial)) continue;
        hasChanged = true;
        if (value === undefined) delete changed[name];
        else changed[name] = value;
      }
      return hasChanged ? JSON.stringify(changed) : trial.settings;
    }

    async function evaluate() {
      const text = settings();
      const detector = await module(trial.detector);
      const issues = await detector.checkSettings(text);
      if (issues.length) throw new Error(issues.map(({pointer, message}) => `${pointer} ${message}`).join("; "));
      const verdicts = await walk(detector, {...trial, series, unit, locale}, text);
      const changed = show(verdicts);
      const judged = verdicts.filter(Boolean);
      const different = verdicts.filter((verdict, index) => bits(verdict) !== bits(host[index])).length;
      const counts = {verdicts: judged.length, anomalous: judged.filter(isAnomalous).length, changed, different};
      const comparison = different ? words.different : words.equal;
      status.textContent = `${fill(words.result, counts)} ${fill(comparison, counts)}`;
      card.verdicts = verdicts;
    }

    async function run() {
      form.ariaBusy = "true";
      try {
        await evaluate();
      } catch (error) {
        status.textContent = `${words.failed} ${error.message}`;
      }
      form.ariaBusy = "false";
    }

    function build() {
      const names = [...new Set([...Object.keys(properties), ...Object.keys(own)])];
      fields = names.map((name) => {
        const property = properties[name] ?? {};
        const initial = own[name] ?? property.default;
        return {name, initial, ...field(name, property, initial)};
      });
      const reset = element("button", words.reset, {type: "reset"});
      form.replaceChildren(...fields.map(({label}) => label), element("button", words.evaluate, {type: "submit"}), reset);
    }

    show(host);
    if (!form) return;
    build();
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      run();
    });
    form.addEventListener("reset", (event) => {
      event.preventDefault();
      build();
      run();
    });
  }

  document.querySelectorAll(".trial").forEach(start);
})();
