import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { type APIRequestContext, expect } from "@playwright/test";
import { type Server, required } from "./fixtures.ts";

/** A finished task whose log has so many lines more, written while the server is stopped. Gives its id. */
export async function taskWithLog(request: APIRequestContext, server: Server, title: string, lines: number): Promise<string> {
  const created = await request.post("/api/tasks", {
    data: { title, type: "custom", description: "Say it.\n\nscenario: echo", start: true },
  });
  const { id } = (await created.json()) as { id: string };
  const status = async () => ((await (await request.get(`/api/tasks/${id}`)).json()) as { status: string }).status;
  await expect.poll(status, { timeout: 60_000 }).toBe("completed");
  await server.stop();
  const database = `sqlite://${server.dataDir}/ccs.db?mode=rw`;
  await promisify(execFile)(required("CCS_TEST_FILL_LOG"), [database, id, String(lines)]);
  await server.spawn();
  return id;
}
