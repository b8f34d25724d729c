// Empties what is never called in the browser's WASM module, so that wasm-opt can remove it:
// `prune-module.mjs MODULE`, which needs the names of its functions.
import { readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import binaryen from "../style/node_modules/binaryen/index.js";

// Every type of view brings code to hydrate it asynchronously. Only `hydrate_lazy` begins that, and ours is
// `hydrate_body`; but the compiler can't know, since each is reached through a pointer.
// In mangled names (https://doc.rust-lang.org/rustc/symbol-mangling/v0.html) these are the functions that end
// with this one's name or with a closure of it, and the generic one within `into_any`, and its closures.
const NEVER_CALLED = [
  /^_RN[Cv].*13hydrate_async(?:(?:s[0-9a-zA-Z]*_)?0)*(?:B[0-9a-zA-Z]*_|Cs[0-9a-zA-Z]+_\w+)?$/,
  /^_R(?:NC)*INvNvX\w{1,40}6tachys4view8any_viewp\w{1,8}7IntoAny8into_any13hydrate_async/,
];

const [file] = process.argv.slice(2);
const module = binaryen.readBinary(readFileSync(file));
let pruned = 0;
for (let index = 0; index < module.getNumFunctions(); index += 1) {
  const reference = module.getFunctionByIndex(index);
  const name = binaryen.Function.getName(reference);
  if (NEVER_CALLED.some((names) => names.test(name))) {
    binaryen.Function.setBody(reference, module.unreachable());
    pruned += 1;
  }
}
// Functions are named otherwise than expected: the module works, but is larger than it has to be. Modules that
// pages share may have no views.
if (pruned === 0 && !basename(file).startsWith("chunk_")) console.error(`warning: found nothing to prune in ${file}`);
binaryen.setDebugInfo(true);
writeFileSync(file, module.emitBinary());
