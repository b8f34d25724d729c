import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "../fixtures.ts";
import { PHASE_MS, TaskPage, describeTask, expectToContain, hydrated, open } from "../task.ts";

/** How long each crash leaves the server away: shorter and longer than the browser's own retry. */
const OUTAGES_MS = [500, 4000];

// While the server is away, the browser says so for every request.
test.use({ allowedComplaints: [/ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_EMPTY_RESPONSE/] });

test("an open page outlives crashes of the server and misses no line", async ({ page, server }) => {
  test.setTimeout(5 * PHASE_MS);
  await open(page, "/tasks/new");
  await describeTask(page, "New application", "# Habit tracker\n\nscenario: chaos");
  await page.getByRole("button", { name: "Create and start" }).click();
  const task = new TaskPage(page);
  await expect(task.status).toHaveText("Running");
  await page.evaluate(() => document.documentElement.setAttribute("data-not-reloaded", ""));
  const lost = page.getByText("The connection to the server is lost.");

  for (const outage of OUTAGES_MS) {
    const newest = await task.newestLine();
    await expect.poll(() => task.newestLine(), { timeout: 30_000 }).toBeGreaterThan(newest + 4);
    const shown = await task.readLog();
    await server.kill();
    await expect(lost).toBeVisible();
    await sleep(outage);
    await server.spawn();
    await expect(lost).toBeHidden({ timeout: 15_000 });
    expectToContain(await task.readLog(), shown);
  }

  // Nine steps, two of them taken up again.
  await task.untilReview("Planning", 3 * PHASE_MS);
  const shown = await task.readLog();
  await expect(page.locator("html[data-not-reloaded]")).toHaveCount(1);
  await page.reload();
  await hydrated(page);
  expect(await task.readLog()).toEqual(shown);
});
