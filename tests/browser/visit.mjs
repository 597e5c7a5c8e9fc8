// A visit of a page: every console message, error and foreign request is a fault, and axe finds the violations.
import {readFileSync} from "node:fs";
import {createRequire} from "node:module";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

// Opens a new page that reports faults. `isOwn` selects the addresses that the page may request.
export async function visit(browser, options, {fault, isOwn}) {
  const context = await browser.newContext({viewport: {width: 1280, height: 900}, ...options});
  const page = await context.newPage();
  page.on("console", (message) => fault(`console: ${message.text()}`));
  page.on("pageerror", (error) => fault(`error: ${error.message}`));
  page.on("request", (request) => {
    const url = request.url();
    if (!isOwn(url) && !url.startsWith("data:")) fault(`request: ${url}`);
  });
  return {context, page};
}

// Returns the number of violations of the rules of axe. The content security policy refuses the script element of axe, so
// a visit without the policy runs axe.
export async function violationsOf(browser, url, {colorScheme, fault}) {
  const bare = await browser.newContext({colorScheme, bypassCSP: true});
  const page = await bare.newPage();
  await page.goto(url, {waitUntil: "load"});
  await page.evaluate(axe);
  const {violations} = await page.evaluate(() => window.axe.run());
  for (const {id, help, nodes} of violations) fault(`axe: ${id}: ${help}: ${nodes[0].html.slice(0, 120)} (${nodes.length})`);
  await bare.close();
  return violations.length;
}
