// A visit of a page without a network: every console message, error and foreign request is a fault, and axe finds the violations.
import {readFileSync} from "node:fs";
import {createRequire} from "node:module";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

// Opens a new page that reports faults. `isOwn` selects the addresses that the page may request.
export async function visit(browser, options, {fault, isOwn}) {
  const context = await browser.newContext({viewport: {width: 1280, height: 900}, ...options});
  const page = await context.newPage();
  page.on("console", (message) => fault(`console: ${message.text()}`));
  page.on("pageerror", (error) => fault(`error: ${error.message}`));
  await context.route((url) => !isOwn(url.href) && url.protocol !== "data:", (route) => {
    fault(`request: ${route.request().url()}`);
    return route.abort();
  });
  return {context, page};
}

// Returns the number of violations of the rules of axe, with all rows of the costs and the result of a trial. The content security
// policy refuses the script element of axe, so a visit without the policy runs axe.
export async function violationsOf(browser, url, {colorScheme, fault}) {
  const bare = await browser.newContext({colorScheme, bypassCSP: true});
  const page = await bare.newPage();
  await page.goto(url, {waitUntil: "load"});
  const unfold = page.locator("#unfold");
  if (await unfold.count() > 0) await unfold.click();
  const submit = page.locator(".trial button[type=submit]").first();
  if (await submit.count() > 0) {
    await submit.click();
    await page.locator(".trial .status").first().filter({hasText: /[0-9]|every bit|비트까지/}).waitFor();
  }
  await page.evaluate(axe);
  const {violations} = await page.evaluate(() => window.axe.run());
  for (const {id, help, nodes} of violations) fault(`axe: ${id}: ${help}: ${nodes[0].html.slice(0, 120)} (${nodes.length})`);
  await bare.close();
  return violations.length;
}
