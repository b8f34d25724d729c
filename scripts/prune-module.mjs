// Empties what is never called in the browser's WASM module, so that wasm-opt can remove it:
// `prune-module.mjs MODULE`, which needs the names of its functions.
import { readFileSync, writeFileSync } from "node:fs";
import binaryen from "../style/node_modules/binaryen/index.js";

// Every type of view brings code to hydrate it asynchronously. Only `hydrate_lazy` begins that, and ours is
// `hydrate_body`; but the compiler can't know, since each is reached through a pointer.
const NEVER_CALLED = /::hydrate_async(::\{closure#\d+\})*$/;

/** Its path without types: code that is shared among types may bear the name of any of them. */
function path(name) {
  let path = name.replaceAll("->", "");
  for (let before = ""; before !== path; ) {
    before = path;
    path = path.replaceAll(/(::)?<[^<>]*>/g, "");
  }
  return path;
}

const [file] = process.argv.slice(2);
const module = binaryen.readBinary(readFileSync(file));
let pruned = 0;
for (let index = 0; index < module.getNumFunctions(); index += 1) {
  const reference = module.getFunctionByIndex(index);
  const name = binaryen.Function.getName(reference);
  if (name.includes("hydrate_async") && NEVER_CALLED.test(path(name))) {
    binaryen.Function.setBody(reference, module.unreachable());
    pruned += 1;
  }
}
// Functions are named otherwise than expected: the module works, but is larger than it has to be.
if (pruned === 0) console.error("warning: found nothing to prune in the WASM module");
binaryen.setDebugInfo(true);
writeFileSync(file, module.emitBinary());
