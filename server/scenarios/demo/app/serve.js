// A static server for development: this folder, on loopback, nothing else.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL(".", import.meta.url));
const PORT = Number(process.env.PORT ?? 8080);
const TYPES = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
};

const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url, "http://localhost");
  const path = normalize(pathname === "/" ? "/index.html" : pathname);
  const type = TYPES[extname(path)];
  try {
    if (!type || path.includes("..")) throw new Error("not served");
    const body = await readFile(join(ROOT, path));
    response.writeHead(200, { "content-type": type }).end(body);
  } catch {
    response.writeHead(404, { "content-type": "text/plain" }).end("Not found\n");
  }
});

server.listen(PORT, "127.0.0.1", () => {
  console.log(`Tiny Steps on http://127.0.0.1:${server.address().port}`);
});
