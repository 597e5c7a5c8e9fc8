// Opens pages of `costwarden report` from the disk in Chromium and checks each: page.mjs CHROMIUM SCREENSHOTS PAGE...
// The checks: no console message, no request, drawn charts, the filter, the folds, the order, and the rules of axe in both
// colour schemes. The screenshots and a PDF on A4 are for people.
import {readFileSync, statSync} from "node:fs";
import {basename, dirname, join} from "node:path";
import {createRequire} from "node:module";
import {pathToFileURL} from "node:url";
import {chromium} from "playwright-core";

const [executablePath, screenshots, ...pages] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const args = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const browser = await chromium.launch({executablePath, args});
const faults = [];

// Evaluates each trial with the settings of the rule, and with a smaller first number.
async function checkTrials(page, fault) {
  const cards = await page.locator(".trial").all();
  let changed = 0;
  for (const card of cards) {
    const title = await card.locator("h3").textContent();
    const submit = card.locator("button[type=submit]");
    const status = card.locator(".status");
    if (await submit.count() === 0) continue;
    await submit.focus();
    await page.keyboard.press("Enter");
    await status.filter({hasText: /every bit|비트까지/}).waitFor().catch(async () => fault(`${title}: ${await status.textContent()}`));
    await card.locator("input[type=text]").first().fill("0.5");
    await submit.click();
    await status.filter({hasNotText: /every bit|비트까지/}).filter({hasText: /[0-9]/}).waitFor();
    changed += await card.locator("tbody tr").count();
  }
  if (cards.length > 0 && changed === 0) fault("no day of a trial has another verdict");
  return cards.length;
}

// The content security policy refuses the script element of axe, so a second visit without the policy runs axe.
async function check(path, colorScheme) {
  const name = `${basename(dirname(path))}-${colorScheme}`;
  const fault = (text) => faults.push(`${name}: ${text}`);
  const context = await browser.newContext({colorScheme, viewport: {width: 1280, height: 900}});
  const page = await context.newPage();
  const url = pathToFileURL(path).href;
  page.on("console", (message) => fault(`console: ${message.text()}`));
  page.on("pageerror", (error) => fault(`error: ${error.message}`));
  page.on("request", (request) => {
    if (request.url() !== url && !request.url().startsWith("data:")) fault(`request: ${request.url()}`);
  });
  const session = await context.newCDPSession(page);
  await session.send("Performance.enable");
  const started = performance.now();
  await page.goto(url, {waitUntil: "load"});
  const took = Math.round(performance.now() - started);
  const {metrics} = await session.send("Performance.getMetrics");
  const cpu = Math.round(metrics.find(({name}) => name === "ProcessTime").value * 1000);

  const charts = await page.locator(".chart").count();
  const drawn = await page.locator(".chart canvas").evaluateAll((canvases) => canvases.filter((canvas) => {
    const {width, height} = canvas;
    return canvas.getContext("2d").getImageData(0, 0, width, height).data.some((value) => value !== 0);
  }).length);
  if (charts === 0 || drawn !== charts) fault(`${drawn} of ${charts} charts are drawn`);

  const visible = () => page.locator("#costs tbody tr:not([hidden])").count();
  const rows = await page.locator("#costs tbody tr").count();
  await page.locator("#unfold").focus();
  await page.keyboard.press("Enter");
  if (await visible() !== rows) fault(`${await visible()} of ${rows} rows are visible after the unfolding`);
  await page.locator("#fold").click();
  const accounts = await page.locator('#costs tbody tr[data-d="0"]').count();
  if (await visible() !== accounts) fault(`${await visible()} rows are visible after the folding, expected ${accounts}`);
  const service = (await page.locator('#costs tbody tr[data-d="2"] th').first().textContent()).replace(/^[▸▾]/, "");
  await page.locator("#filter").fill(service);
  const matches = await visible();
  if (matches === 0 || matches >= rows) fault(`the filter for ${service} shows ${matches} of ${rows} rows`);
  await page.locator("#filter").fill("");
  await page.locator("#unfold").click();
  await page.locator("#costs thead button").nth(1).click();
  const costs = await page.locator('#costs tbody tr[data-d="0"] td:nth-child(2)').allTextContents();
  const amounts = costs.map((text) => Number.parseFloat(text.replaceAll(",", "")));
  if (amounts.some((amount, index) => index > 0 && amount > amounts[index - 1])) fault(`the accounts are not in order: ${amounts}`);
  await page.goto(url, {waitUntil: "load"});
  await page.screenshot({path: join(screenshots, `${name}.png`)});
  if (colorScheme === "light") await page.pdf({path: join(screenshots, `${name}.pdf`), format: "A4"});
  const trials = await checkTrials(page, fault);
  if (trials > 0 && colorScheme === "light") await page.locator(".trial").first().screenshot({path: join(screenshots, `${name}-trial.png`)});
  await context.close();

  const bare = await browser.newContext({colorScheme, bypassCSP: true});
  const inspected = await bare.newPage();
  await inspected.goto(url, {waitUntil: "load"});
  await inspected.evaluate(axe);
  const {violations} = await inspected.evaluate(() => window.axe.run());
  for (const {id, help, nodes} of violations) fault(`axe: ${id}: ${help}: ${nodes[0].html.slice(0, 120)} (${nodes.length})`);
  await bare.close();
  const figures = [name, statSync(path).size, rows, charts, trials, took, cpu, violations.length];
  console.log(`| ${figures.join(" | ")} |`);
}

console.log("| page | bytes | rows of costs | charts | trials | opened in ms | of these on CPU | violations of axe |\n|---|---:|---:|---:|---:|---:|---:|---:|");
for (const page of pages) {
  await check(page, "light");
  await check(page, "dark");
}
await browser.close();
faults.forEach((fault) => console.error(fault));
process.exit(faults.length === 0 ? 0 : 1);
