// Names a WASM module's functions so that `wasm-opt --reorder-functions-by-name` puts similar ones side by side,
// which compresses better: `sort-functions.mjs MODULE`. Functions of one type and size are often the same code
// for different types of Rust.
import { readFileSync, writeFileSync } from "node:fs";

const SECTION = { custom: 0, functions: 3, code: 10 };

/** Reads numbers as WASM writes them: seven bits a byte, the lowest first. */
class Reader {
  constructor(bytes, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  number() {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.bytes[this.at++];
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
  }

  take(length) {
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }
}

function number(value) {
  const bytes = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value & 127) | 128);
  return Buffer.from([...bytes, value]);
}

const sized = (bytes) => Buffer.concat([number(bytes.length), bytes]);

/** A vector's entries, each read by `entry`. */
function vector(bytes, entry) {
  const reader = new Reader(bytes);
  return Array.from({ length: reader.number() }, () => entry(reader));
}

const NAMES = sized(Buffer.from("name"));

const [file] = process.argv.slice(2);
const module = readFileSync(file);
const header = 8;
const kept = [module.subarray(0, header)];
let types = [];
let bodies = [];
for (const reader = new Reader(module, header); reader.at < module.length; ) {
  const start = reader.at;
  const [id] = reader.take(1);
  const content = reader.take(reader.number());
  if (id === SECTION.functions) types = vector(content, (entry) => entry.number());
  if (id === SECTION.code) bodies = vector(content, (entry) => entry.take(entry.number()));
  if (id === SECTION.custom && content.subarray(0, NAMES.length).equals(NAMES)) continue;
  kept.push(module.subarray(start, reader.at));
}

const order = bodies.map((_, index) => index);
order.sort((a, b) => types[a] - types[b] || bodies[a].length - bodies[b].length || Buffer.compare(bodies[a], bodies[b]));
const names = new Array(order.length);
order.forEach((index, place) => {
  names[index] = Buffer.from(String(place).padStart(6, "0"));
});
// Indices begin with the functions that are imported.
const imports = WebAssembly.Module.imports(new WebAssembly.Module(module));
const imported = imports.filter(({ kind }) => kind === "function").length;
const entries = names.map((name, index) => Buffer.concat([number(imported + index), sized(name)]));
const functionNames = Buffer.concat([number(entries.length), ...entries]);
const section = Buffer.concat([NAMES, Buffer.from([1]), sized(functionNames)]);
writeFileSync(file, Buffer.concat([...kept, Buffer.from([SECTION.custom]), sized(section)]));
