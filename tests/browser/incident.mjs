// The page of an incident on a report server: the cause, the form, a decision by a person, and the rules of axe.
import {join} from "node:path";
import {violationsOf, visit} from "./visit.mjs";

// Checks the page in both colour schemes, then dismisses the incident with the form.
export async function checkIncident(browser, url, {screenshots, token, fault}) {
  const violations = [];
  for (const colorScheme of ["light", "dark"]) {
    const {context, page} = await visit(browser, {colorScheme}, {fault, isOwn: (requested) => requested === url});
    await page.goto(url, {waitUntil: "load"});
    if (await page.locator("script").count() > 0) fault("the page of an incident has a script");
    await page.screenshot({path: join(screenshots, `incident-${colorScheme}.png`)});
    await context.close();
    violations.push(await violationsOf(browser, url, {colorScheme, fault}));
  }
  // A button of a message selects the decision; the person records the decision.
  const selected = new URL(url);
  selected.searchParams.set("action", "dismiss");
  const link = selected.href;
  const {context, page} = await visit(browser, {colorScheme: "light"}, {fault, isOwn: (requested) => requested === link});
  await page.goto(link, {waitUntil: "load"});
  if (!await page.locator("input[value=dismiss]").isChecked()) fault("the link does not select the decision");
  const decisions = page.locator("dd").filter({hasText: "reader dismissed"});
  if (await decisions.count() > 0) fault("the link decides");
  await page.locator("input[name=token]").fill(token);
  await page.keyboard.press("Enter");
  await decisions.waitFor().catch(() => fault("the form records no decision"));
  await context.close();
  console.log("\n| page of an incident | violations of axe, light and dark |\n|---|---:|");
  console.log(`| incident | ${violations.join(" and ")} |`);
}
