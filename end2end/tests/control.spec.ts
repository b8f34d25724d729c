import type { Page } from "@playwright/test";
import { expect, test } from "../fixtures.ts";
import { PHASE_MS, TaskPage, describeTask, open } from "../task.ts";

/** An agent that runs a command for ten seconds. */
async function atWork(page: Page): Promise<TaskPage> {
  await describeTask(page, "Free prompt", "# Count\n\nscenario: message");
  await page.getByRole("button", { name: "Create and start" }).click();
  return new TaskPage(page);
}

const button = (page: Page, name: string) => page.getByRole("button", { name, exact: true });

test("an agent is paused in the middle of a command, and goes on where it was", async ({ page }) => {
  test.setTimeout(2 * PHASE_MS);
  await open(page, "/tasks/new");
  const task = await atWork(page);
  await expect(task.log).toContainText("I run a slow command", { timeout: PHASE_MS });
  await button(page, "Pause").click();
  await expect(task.status).toHaveText("Paused");
  await expect(page.getByRole("heading", { name: "This task is paused" })).toBeVisible();
  await expect(task.log).toContainText("Paused: the agent stands still.");
  await expect(button(page, "Pause")).toHaveCount(0);
  await expect(button(page, "Interrupt")).toHaveCount(0);
  await page.reload();
  await expect(task.status).toHaveText("Paused");
  await button(page, "Resume").click();
  await expect(task.status).toHaveText("Running");
  await expect(task.log).toContainText("Resumed: the agent goes on where it was.");
  await expect(task.status).toHaveText("Completed", { timeout: PHASE_MS });
});

test("a pause at the end of the turn waits for it, and can be taken back", async ({ page }) => {
  test.setTimeout(2 * PHASE_MS);
  await open(page, "/tasks/new");
  const task = await atWork(page);
  await expect(task.log).toContainText("I run a slow command", { timeout: PHASE_MS });
  const menu = page.getByLabel("More actions");
  const soon = page.getByRole("heading", { name: "The task is going to pause" });
  await menu.click();
  await button(page, "Pause at the end of the turn").click();
  await expect(soon).toBeVisible();
  await menu.click();
  await button(page, "Don't pause at the end of the turn").click();
  await expect(soon).toHaveCount(0);
  await menu.click();
  await button(page, "Pause at the end of the turn").click();
  await expect(soon).toBeVisible();
  await expect(task.status).toHaveText("Paused", { timeout: PHASE_MS });
  await expect(soon).toHaveCount(0);
  await page.goto("/?status=paused");
  const row = page.locator(".task-row").first();
  await expect(row).toContainText("Paused");
  await row.getByRole("button", { name: "Resume" }).click();
  await expect(row).toContainText("Completed", { timeout: PHASE_MS });
});

test.describe("without script", () => {
  test.use({ javaScriptEnabled: false });

  test("a task is paused and resumed by plain forms", async ({ page }) => {
    test.setTimeout(2 * PHASE_MS);
    await page.goto("/tasks/new");
    const task = await atWork(page);
    const shown = async (status: string): Promise<void> => {
      await expect(async () => {
        await page.reload();
        await expect(task.status).toHaveText(status, { timeout: 1 });
      }).toPass({ timeout: PHASE_MS, intervals: [200] });
    };
    await shown("Running");
    await button(page, "Pause").click();
    await shown("Paused");
    await button(page, "Resume").click();
    await shown("Completed");
  });
});
