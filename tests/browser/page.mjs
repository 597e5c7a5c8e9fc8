// Opens pages in Chromium and checks each: page.mjs CHROMIUM SCREENSHOTS PAGE...
// A page is a file of `costwarden report`, the address of `costwarden serve`, the page of an incident there, or a plot as an
// SVG file. The token of the person who decides is in COSTWARDEN_TOKEN.
// The checks of a report: no console message, no request, drawn charts, the filter, the folds, the order, and the rules of
// axe in both colour schemes. The screenshots and a PDF on A4 are for people.
import {existsSync, readFileSync, statSync, writeFileSync} from "node:fs";
import {cpus, loadavg} from "node:os";
import {basename, dirname, join} from "node:path";
import {pathToFileURL} from "node:url";
import {chromium} from "playwright-core";
import {checkIncident} from "./incident.mjs";
import {checkPlot} from "./plot.mjs";
import {violationsOf, visit} from "./visit.mjs";

const [executablePath, screenshots, ...pages] = process.argv.slice(2);
const args = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const browser = await chromium.launch({executablePath, args});
const faults = [];
const table = [
  "| page | bytes | written in ms | rows of costs | charts | trials | opened in ms | of these on CPU | violations of axe |",
  "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
];
// Services, bytes and milliseconds to write the page; and milliseconds to open a page.
const limits = [[1_000, 2_000_000, 1_000], [10_000, Infinity, Infinity]];
const OPENED = 3_000;
const isServed = (page) => page.startsWith("http:");

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

// Waits until the server has computed the causes and the trials. Returns the number of bytes of the page.
async function servedBytes(url) {
  for (let attempt = 0; attempt < 60; attempt += 1) {
    const text = await (await fetch(url)).text();
    if (!text.includes("are being")) return Buffer.byteLength(text);
  }
  throw new Error(`${url}: the trials are not computed`);
}

async function check(path, colorScheme) {
  const name = `${isServed(path) ? "serve" : basename(dirname(path))}-${colorScheme}`;
  const fault = (text) => faults.push(`${name}: ${text}`);
  const url = isServed(path) ? path : pathToFileURL(path).href;
  const bytes = isServed(path) ? await servedBytes(url) : statSync(path).size;
  const {context, page} = await visit(browser, {colorScheme}, {fault, isOwn: (requested) => requested === url});
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
  await page.locator("#costs thead button").nth(1).focus();
  await page.keyboard.press("Enter");
  const costs = await page.locator('#costs tbody tr[data-d="0"] td:nth-child(2)').allTextContents();
  const amounts = costs.map((text) => Number.parseFloat(text.replaceAll(",", "")));
  if (amounts.some((amount, index) => index > 0 && amount > amounts[index - 1])) fault(`the accounts are not in order: ${amounts}`);
  await page.goto(url, {waitUntil: "load"});
  await page.screenshot({path: join(screenshots, `${name}.png`)});
  // A4 is 794 pixels wide.
  await page.emulateMedia({media: "print"});
  await page.setViewportSize({width: 794, height: 1123});
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  if (overflow > 0) fault(`the page is ${overflow} pixels wider than A4`);
  await page.emulateMedia({media: "screen"});
  await page.setViewportSize({width: 1280, height: 900});
  if (colorScheme === "light") await page.pdf({path: join(screenshots, `${name}.pdf`), format: "A4"});
  const trials = await checkTrials(page, fault);
  if (trials > 0 && colorScheme === "light") await page.locator(".trial").first().screenshot({path: join(screenshots, `${name}-trial.png`)});
  await context.close();

  const violations = await violationsOf(browser, url, {colorScheme, fault});
  const written = join(dirname(path), "milliseconds");
  const milliseconds = existsSync(written) ? readFileSync(written, "utf8").trim() : "";
  const [most, mostBytes, mostMilliseconds] = limits.find(([services]) => name.startsWith(`report-services-${services}-`)) ?? [];
  if (most !== undefined) {
    if (bytes >= mostBytes) fault(`the page has ${bytes} bytes, expected less than ${mostBytes}`);
    if (Number(milliseconds) >= mostMilliseconds) fault(`the page was written in ${milliseconds} ms, expected less than ${mostMilliseconds}`);
    if (took >= OPENED) fault(`the page opened in ${took} ms, expected less than ${OPENED}`);
  }
  table.push(`| ${[name, bytes, milliseconds, rows, charts, trials, took, cpu, violations].join(" | ")} |`);
}

const plots = pages.filter((page) => page.endsWith(".svg"));
const incidents = pages.filter((page) => page.includes("/incidents/"));
for (const page of pages.filter((page) => !plots.includes(page) && !incidents.includes(page))) {
  await check(page, "light");
  await check(page, "dark");
}
console.log(table.join("\n"));
const day = new Date().toISOString().slice(0, 10);
const load = Math.round(loadavg()[0]);
const measured = `Measured on ${day} with Chromium ${browser.version()}, ${cpus().length} cores and a load of ${load}.`;
writeFileSync(join(dirname(screenshots), "table.md"), `${measured}\n\n${table.join("\n")}\n`);
console.log("\n| plot | length of the values | anomalies | colours |\n|---|---:|---:|---:|");
for (const plot of plots) await checkPlot(browser, plot, {screenshots, fault: (text) => faults.push(`${basename(plot)}: ${text}`)});
for (const url of incidents) {
  await checkIncident(browser, url, {screenshots, token: process.env.COSTWARDEN_TOKEN, fault: (text) => faults.push(`incident: ${text}`)});
}
await browser.close();
faults.forEach((fault) => console.error(fault));
process.exit(faults.length === 0 ? 0 : 1);
