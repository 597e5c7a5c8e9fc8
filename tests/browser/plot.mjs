// A plot as an SVG document: no console message, no request, and every part of the figure inside the picture and drawn.
import {readFileSync} from "node:fs";
import {basename, join} from "node:path";
import {pathToFileURL} from "node:url";
import {visit} from "./visit.mjs";

// Returns the faults of the document as opened, and the lengths of the drawn paths.
function inspect() {
  const root = document.documentElement;
  const found = [];
  if (root.localName !== "svg" || document.querySelector("parsererror")) found.push("the document is no SVG document");
  const {width, height} = root.viewBox.baseVal;
  for (const part of root.querySelectorAll("path, line, circle, rect, text")) {
    const box = part.getBBox();
    if (box.x < -1 || box.y < -1 || box.x + box.width > width + 1 || box.y + box.height > height + 1) found.push(`outside: ${part.outerHTML.slice(0, 100)}`);
  }
  const length = (name) => root.querySelector(`path.${name}`)?.getTotalLength() ?? 0;
  return {found, value: length("value"), anomalies: root.querySelectorAll("circle").length};
}

// Returns the number of colours of the picture.
async function colours(page, svg) {
  return page.evaluate(async (source) => {
    const image = new Image(960, 480);
    image.src = `data:image/svg+xml;base64,${source}`;
    await image.decode();
    const canvas = Object.assign(document.createElement("canvas"), {width: 960, height: 480});
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0, 960, 480);
    const {data} = context.getImageData(0, 0, 960, 480);
    return new Set(Array.from({length: data.length / 4}, (_, pixel) => data.subarray(4 * pixel, 4 * pixel + 4).join())).size;
  }, svg.toString("base64"));
}

export async function checkPlot(browser, path, {screenshots, fault}) {
  const url = pathToFileURL(path).href;
  const {context, page} = await visit(browser, {colorScheme: "light"}, {fault, isOwn: (requested) => requested === url || requested === "about:blank"});
  await page.goto(url, {waitUntil: "load"});
  const {found, value, anomalies} = await page.evaluate(inspect);
  found.forEach(fault);
  if (value === 0) fault("the values are not drawn");
  await page.screenshot({path: join(screenshots, `plot-${basename(path, ".svg")}.png`)});
  await page.goto("about:blank");
  const number = await colours(page, readFileSync(path));
  if (number < 4) fault(`the picture has ${number} colours`);
  await context.close();
  console.log(`| ${[basename(path), Math.round(value), anomalies, number].join(" | ")} |`);
}
