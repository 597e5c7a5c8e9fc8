// Makes a component of a JavaScript detector, with nothing of WASI in it.
import { componentize } from "@bytecodealliance/componentize-js";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import process from "node:process";

const [entry, witPath, worldName, output] = process.argv.slice(-4);
try {
  const { component } = await componentize({
    sourcePath: resolve(entry),
    witPath,
    worldName,
    disableFeatures: ["stdio", "random", "clocks", "http", "fetch-event"],
  });
  await writeFile(output, component);
} catch (error) {
  // The author's own mistakes are in the message; the stack is that of the tool.
  console.error(misspelt() ?? told(String(error?.message ?? error)));
  process.exit(1);
}

/** What node has against the module's syntax, with its place: componentize-js says no more than that there is something. */
function misspelt() {
  const input = readFileSync(entry);
  const { stderr } = spawnSync(process.execPath, ["--check", "--input-type=module"], { input, encoding: "utf8" });
  const [, place, error] = /^\[stdin\](:\d+\n[^]*?)^(SyntaxError: .*)$/m.exec(stderr ?? "") ?? [];
  return error && `${entry}${place.trimEnd()}\n${error}`;
}

/** Without the names that componentize-js has for what the author knows by others. */
function told(message) {
  return message
    .replace(/^Failed to initialize component \(wizer \(.*\)\):$/m, `${entry} does not run as far as its top level goes:`)
    .replace(/^Exception while evaluating top-level script\n/m, "")
    .replaceAll('"source.js"', `"${entry}"`)
    .replace(/^Unable to extract expected exports list\n/, "")
    .replace(/\nAdditionally, some promises were rejected[^]*$/, "")
    .trimEnd();
}
