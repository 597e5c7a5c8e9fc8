// Makes a component of a JavaScript detector, with nothing of WASI in it.
import { componentize } from "@bytecodealliance/componentize-js";
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
  console.error(error.message);
  process.exit(1);
}
