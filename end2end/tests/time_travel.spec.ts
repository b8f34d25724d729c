import { expect, test } from "../fixtures.ts";
import { PHASE_MS, TaskPage, describeTask, open } from "../task.ts";

test("a task is shown as it was, compared with another version, and taken over elsewhere", async ({ page, request }) => {
  test.setTimeout(3 * PHASE_MS);
  await open(page, "/tasks/new");
  await describeTask(page, "Free prompt", "Say hello.\n\nscenario: echo");
  await page.getByRole("button", { name: "Create and start" }).click();
  const task = new TaskPage(page);
  await expect(task.status).toHaveText("Completed", { timeout: PHASE_MS });
  const id = task.id;
  const newest = (await (await request.get(`/api/tasks/${id}`)).json()).version;

  // From the list of events, and with the slider's keys.
  await page.getByRole("navigation", { name: "Parts of the task" }).getByRole("link", { name: "History" }).click();
  await page.getByRole("link", { name: "The task at version 1", exact: true }).click();
  const past = page.getByRole("region", { name: "As it was at version 1" });
  await expect(past.locator(".pill")).toHaveText("Draft");
  await expect(past).toContainText("Task created");
  await expect(page.locator('.event[aria-current="true"]')).toHaveCount(1);
  const slider = page.getByRole("slider", { name: "The task as it was at" });
  await slider.focus();
  await page.keyboard.press("ArrowRight");
  await expect(page).toHaveURL(/history\?at=2$/);
  await expect(page.getByRole("heading", { name: "As it was at version 2" })).toBeVisible();
  await expect(slider).toBeFocused();
  await page.keyboard.press("End");
  const last = page.getByRole("region", { name: `As it was at version ${newest}` });
  await expect(last.locator(".pill")).toHaveText("Completed");
  await expect(last.getByRole("link", { name: /^The log then, at line/ })).toBeVisible();
  await expect(last.getByRole("link", { name: /^The files of version/ })).toBeVisible();

  // A permalink, and what differs from another version.
  await open(page, `/tasks/${id}/history?at=1`);
  await past.getByLabel("Compare with version").fill(String(newest));
  await past.getByRole("button", { name: "Compare" }).click();
  const row = past.getByRole("row", { name: /^Status/ });
  await expect(row.getByRole("cell")).toHaveText(["draft", "completed"]);
  await past.getByRole("link", { name: "Back to now" }).click();
  await expect(past).toHaveCount(0);
  await expect(page.getByText(`now, version ${newest}`)).toBeVisible();

  // The whole history as a file, which this installation has already.
  const download = page.waitForEvent("download");
  await page.getByRole("link", { name: "The whole history as JSON Lines" }).click();
  expect((await download).suggestedFilename()).toBe(`${id}.jsonl`);
  const exported = await (await request.get(`/api/tasks/${id}/export`)).text();
  expect(exported.trimEnd().split("\n")).toHaveLength(newest + 1);
  const headers = { "content-type": "application/jsonl" };
  const refused = await request.post("/api/tasks/import", { data: exported, headers });
  expect(refused.status()).toBe(422);
});

test.describe("without script", () => {
  test.use({ javaScriptEnabled: false });

  test("a version is chosen with the form", async ({ page, request }) => {
    const created = await request.post("/api/tasks", { data: { title: "Past", type: "custom", description: "Wait." } });
    const id = (await created.json()).id;
    await request.patch(`/api/tasks/${id}`, { data: { title: "Present" } });
    await page.goto(`/tasks/${id}/history`);
    await page.getByRole("slider").fill("1");
    await page.getByRole("button", { name: "Show" }).click();
    const past = page.getByRole("region", { name: "As it was at version 1" });
    await past.getByLabel("Compare with version").fill("2");
    await past.getByRole("button", { name: "Compare" }).click();
    await expect(past.getByRole("row", { name: /^Title/ }).getByRole("cell")).toHaveText(["Past", "Present"]);
  });
});
