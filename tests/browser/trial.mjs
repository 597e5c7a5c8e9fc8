// Evaluates a trial of a report with the scripts of the page: trial.mjs PAGE TRIAL SETTINGS VERDICTS
// TRIAL is the index of the trial in the page, VERDICTS the output of `costwarden plugin run --walk 1 --format json` with the same
// settings. Prints the numbers of verdicts: judged, anomalous, equal to VERDICTS in every bit, and equal to the verdicts in the page
// (with the settings of the rule) in every bit.
import {readFileSync} from "node:fs";
import vm from "node:vm";

const [path, index, settings, verdictFile] = process.argv.slice(2);
const page = readFileSync(path, "utf8");
const script = [...page.matchAll(/<script>([^]*?)<\/script>/g)].map(([, text]) => text).find((text) => text.includes("const costwardenDetector ="));
const {Detector, walk, bits, seriesOf, decode} = vm.runInThisContext(`${script}\n;costwardenDetector`);
const {unit, locale, detectors, trials} = JSON.parse(/<script type="application\/json" id="trials">([^]*?)<\/script>/.exec(page)[1]);
const trial = trials[Number(index)];
const detector = await Detector.compile(decode(detectors[trial.detector].module));
const evaluate = (text) => walk(detector, {...trial, series: seriesOf(trial), unit, locale}, text);

const equal = (verdicts, others) => verdicts.filter((verdict, day) => bits(verdict) === bits(others[day])).length;
const own = await evaluate(trial.settings);
const changed = await evaluate(settings);
const {rows} = JSON.parse(readFileSync(verdictFile, "utf8"));
const ofHost = rows.map((row) => (row.score === null ? null : row));
const anomalous = (verdicts) => verdicts.filter((verdict) => verdict && verdict.score >= 1).length;
console.log(JSON.stringify({
  days: trial.values.length,
  judged: changed.filter(Boolean).length,
  anomalous: [anomalous(own), anomalous(changed)],
  equal: [equal(own, trial.verdicts), equal(changed, ofHost)],
  ownEqualsChanged: equal(own, changed),
  issues: await detector.checkSettings('{"unknown":1}'),
}));
