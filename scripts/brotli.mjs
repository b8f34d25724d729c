// Writes `FILE.br` beside each file: `brotli.mjs QUALITY FILE...`. The server prefers it to compressing anew.
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { brotliCompressSync, constants } from "node:zlib";

const [quality, ...files] = process.argv.slice(2);
for (const file of files) {
  const content = readFileSync(file);
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: Number(quality),
    [constants.BROTLI_PARAM_SIZE_HINT]: content.length,
  };
  writeFileSync(`${file}.br.new`, brotliCompressSync(content, { params }));
  renameSync(`${file}.br.new`, `${file}.br`);
}
