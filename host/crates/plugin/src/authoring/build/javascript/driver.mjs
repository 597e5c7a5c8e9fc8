// Makes a component of a JavaScript detector, without WASI.
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
  // The message has the author's mistake; the stack is the stack of the tool.
  console.error(syntaxError() ?? shortened(String(error?.message ?? error)));
  process.exit(1);
}

/** Returns the module's syntax error with the place, from node: componentize-js reports only that an error exists. */
function syntaxError() {
  const input = readFileSync(entry);
  const { stderr } = spawnSync(process.execPath, ["--check", "--input-type=module"], { input, encoding: "utf8" });
  const [, place, error] = /^\[stdin\](:\d+\n[^]*?)^(SyntaxError: .*)$/m.exec(stderr ?? "") ?? [];
  return error && `${entry}${place.trimEnd()}\n${error}`;
}

/** Returns a message of componentize-js with the author's file name, without internal names of the tool. */
function shortened(message) {
  return message
    .replace(/^Failed to initialize component \(wizer \(.*\)\):$/m, `${entry}: the top-level code failed:`)
    .replace(/^Exception while evaluating top-level script\n/m, "")
    .replaceAll('"source.js"', `"${entry}"`)
    .replace(/^Unable to extract expected exports list\n/, "")
    .replace(/\nAdditionally, some promises were rejected[^]*$/, "")
    .trimEnd();
}
