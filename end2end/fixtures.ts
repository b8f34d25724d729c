import { type BrowserContext, test as base, expect } from "@playwright/test";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

/** Time for the server to answer /healthz; debug builds start in well under a second. */
const READY_MS = 20_000;
/** Time for a stopped server to end its agents and itself before it is killed. */
const STOP_MS = 10_000;

export interface ServerOptions {
  /** The subcommand and its flags. */
  arguments: string[];
  /** Settings on top of the defaults, e.g. `CCS_MAX_AGENTS`. */
  settings: Record<string, string>;
}

/** A server process with a data directory of its own, on a loopback port. */
export class Server {
  private child: ChildProcess | undefined;

  private constructor(
    readonly url: string,
    readonly dataDir: string,
    private readonly options: ServerOptions,
  ) {}

  static async start(options: ServerOptions): Promise<Server> {
    const dataDir = await mkdtemp(join(tmpdir(), "ccs-end2end-"));
    for (let attempt = 1; ; attempt += 1) {
      const server = new Server(`http://127.0.0.1:${somePort()}`, dataDir, options);
      try {
        await server.spawn();
        return server;
      } catch (error) {
        await server.stop();
        const taken = String(error).includes("Address already in use");
        if (!taken || attempt === 10) {
          await server.remove();
          throw error;
        }
        await rm(server.logFile, { force: true });
      }
    }
  }

  /** Starts the process; again after `kill` or `stop`, on the same port and data. */
  async spawn(): Promise<void> {
    const binary = required("CCS_TEST_SERVER_BIN");
    const child = spawn(binary, this.options.arguments, {
      env: {
        ...cleanEnvironment(this.dataDir),
        CCS_ADDR: new URL(this.url).host,
        CCS_DATA_DIR: this.dataDir,
        CCS_SITE_DIR: required("CCS_TEST_SITE"),
        CCS_CLAUDE_BIN: required("CCS_CLAUDE_BIN"),
        ...this.options.settings,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.child = child;
    const log = createWriteStream(this.logFile, { flags: "a" });
    child.stdout.pipe(log, { end: false });
    child.stderr.pipe(log, { end: false });
    child.once("close", () => log.end());
    await this.ready(child);
  }

  get logFile(): string {
    return join(this.dataDir, "server.log");
  }

  get pid(): number {
    if (this.child?.pid === undefined) throw new Error("the server is not running");
    return this.child.pid;
  }

  /** Ends the process as an operator would, and kills it if that takes too long. */
  async stop(): Promise<void> {
    const child = this.child;
    if (!child || hasEnded(child)) return;
    const closed = once(child, "close");
    child.kill("SIGTERM");
    if (!(await settles(closed, STOP_MS))) {
      child.kill("SIGKILL");
      await closed;
    }
  }

  /** Ends the process the hard way: no handler runs. */
  async kill(): Promise<void> {
    const child = this.child;
    if (!child || hasEnded(child)) return;
    const closed = once(child, "close");
    child.kill("SIGKILL");
    await closed;
  }

  /** Stops the process and removes its data. */
  async remove(): Promise<void> {
    await this.stop();
    await rm(this.dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }

  private async ready(child: ChildProcess): Promise<void> {
    const deadline = Date.now() + READY_MS;
    while (Date.now() < deadline) {
      if (hasEnded(child)) break;
      const response = await fetch(`${this.url}/healthz`).catch(() => undefined);
      if (response?.ok) return;
      await sleep(50);
    }
    const log = await readFile(this.logFile, "utf8").catch(() => "");
    throw new Error(`the server did not answer ${this.url}/healthz:\n${log}`);
  }
}

/** The product's scripted model in a process of its own, so that it outlives a killed server. */
class ScriptedModel {
  private constructor(
    readonly url: string,
    private readonly child: ChildProcess,
  ) {}

  static async start(): Promise<ScriptedModel> {
    const child = spawn(required("CCS_TEST_SERVER_BIN"), ["scripted-model", "--listen", "127.0.0.1:0"], {
      env: cleanEnvironment(tmpdir()),
      stdio: ["ignore", "pipe", "ignore"],
    });
    const lines = createInterface({ input: child.stdout });
    try {
      const [url] = (await once(lines, "line", { signal: AbortSignal.timeout(READY_MS) })) as [string];
      child.stdout.resume();
      return new ScriptedModel(url.trim(), child);
    } catch (error) {
      child.kill("SIGKILL");
      throw error;
    }
  }

  async stop(): Promise<void> {
    if (hasEnded(this.child)) return;
    const closed = once(this.child, "close");
    this.child.kill("SIGKILL");
    await closed;
  }
}

interface Fixtures {
  /** How `server` is started; override with `test.use({ serverOptions: … })`. */
  serverOptions: ServerOptions;
  /** What answers the agents: the scripted model as if it were Claude, or nothing for want of credentials. */
  model: "scripted" | "none";
  /** What the browser may complain about in this test, besides nothing. */
  allowedComplaints: RegExp[];
  /** A scripted model that no server knows of yet. */
  scriptedModel: ScriptedModel;
  /** A fresh server for this test. Pages and requests have its address as their base. */
  server: Server;
}

export const test = base.extend<Fixtures>({
  serverOptions: [{ arguments: ["serve"], settings: {} }, { option: true }],
  model: ["scripted", { option: true }],
  allowedComplaints: [[], { option: true }],
  context: async ({ context, allowedComplaints }, use) => {
    const complaints = listen(context);
    await use(context);
    const unexpected = complaints.filter((text) => !allowedComplaints.some((allowed) => allowed.test(text)));
    expect(unexpected, "what the browser complained about").toEqual([]);
  },
  server: async ({ serverOptions, model }, use, testInfo) => {
    const scripted = model === "scripted" ? await ScriptedModel.start() : undefined;
    try {
      const account = scripted && { CCS_ANTHROPIC_BASE_URL: scripted.url, CCS_ANTHROPIC_API_KEY: "sk-dummy" };
      const settings = { ...account, ...serverOptions.settings };
      const server = await Server.start({ ...serverOptions, settings });
      try {
        await use(server);
        await server.stop();
        if (testInfo.status !== testInfo.expectedStatus) {
          // As a file: the whole log in the output would hide the error.
          await testInfo.attach("server.log", { path: server.logFile, contentType: "text/plain" });
        }
      } finally {
        await server.remove();
      }
    } finally {
      await scripted?.stop();
    }
  },
  scriptedModel: async ({}, use) => {
    const model = await ScriptedModel.start();
    try {
      await use(model);
    } finally {
      await model.stop();
    }
  },
  baseURL: async ({ server }, use) => {
    await use(server.url);
  },
});

export { expect };

/**
 * Everything that pages of the context complain about: errors on the console, which the Content-Security-Policy
 * uses as well, and exceptions that nothing caught.
 */
function listen(context: BrowserContext): string[] {
  const complaints: string[] = [];
  context.on("console", (message) => {
    if (message.type() === "error") complaints.push(`${message.text()} (${message.location().url})`);
  });
  context.on("weberror", (error) => complaints.push(String(error.error())));
  return complaints;
}

/** Nothing of the tests' environment reaches a process of the product but what is listed here. */
function cleanEnvironment(home: string): Record<string, string> {
  return { PATH: process.env["PATH"] ?? "/usr/bin:/bin", HOME: home, TMPDIR: tmpdir(), LANG: "C.UTF-8" };
}

export function required(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run the browser tests with \`scripts/test.sh browser\``);
  return value;
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

async function settles(promise: Promise<unknown>, ms: number): Promise<boolean> {
  return Promise.race([promise.then(() => true), sleep(ms, false, { ref: false })]);
}

/** Below the ports that the system gives to clients, so that it is free again after a restart. */
function somePort(): number {
  return 20_000 + Math.floor(Math.random() * 12_000);
}
