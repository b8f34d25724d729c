// Names the modules of the pages by their content: `name-modules.mjs FOLDER`. A tab that was opened before the
// server was renewed then finds none of another version, instead of one that doesn't fit.
// Writes `modules.json`: for each page what it needs beside `app_bg.wasm`.
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const LINK = "__wasm_split.js";
const MAIN = "app.js";

const [folder] = process.argv.slice(2);
const files = readdirSync(folder).sort();
const hash = createHash("sha256");
for (const file of files) hash.update(file).update(readFileSync(join(folder, file)));
const version = hash.digest("hex").slice(0, 12);

const named = (stem, kind) => `${stem}.${version}.${kind}`;
let link = readFileSync(join(folder, LINK), "utf8");
for (const file of files) {
  const [stem, kind] = file.split(".");
  if (kind !== "wasm" || stem === "app_bg") continue;
  renameSync(join(folder, file), join(folder, named(stem, kind)));
  link = link.replaceAll(`"./${file}"`, `"./${named(stem, kind)}"`);
}
writeFileSync(join(folder, named("pages", "js")), link);
rmSync(join(folder, LINK));

const main = readFileSync(join(folder, MAIN), "utf8");
// Only where it is imported from: by the old name the module asks for what was imported.
const linked = main.replaceAll(`from "./${LINK}"`, `from "./${named("pages", "js")}"`);
if (linked === main) throw new Error(`${MAIN} does not import ${LINK}`);
writeFileSync(join(folder, MAIN), linked);

const modules = {};
const shared = new Map();
const LOADER = /const (\w+) = (?:wrapAsyncCb\()?makeLoad\((?:\(\) => \{\s*const src = fetch\(new URL\("\.\/([^"]+)"|\(\) => async)[^]*?, \[([^\]]*)\]\)/g;
for (const [, name, file, needs] of link.matchAll(LOADER)) {
  const own = file === undefined ? [] : [file];
  const all = [...needs.split(/, */).flatMap((need) => shared.get(need) ?? []), ...own];
  shared.set(name, all);
  const page = name.match(/^__wasm_split_load_(\w+)$/);
  if (page) modules[page[1]] = all;
}
if (Object.keys(modules).length === 0) throw new Error(`${LINK} loads nothing`);
writeFileSync(join(folder, "modules.json"), `${JSON.stringify(modules, null, 2)}\n`);
