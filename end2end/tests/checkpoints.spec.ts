import type { Page } from "@playwright/test";
import { expect, test } from "../fixtures.ts";
import { PHASE_MS, TaskPage, describeTask, open } from "../task.ts";

const button = (page: Page, name: string) => page.getByRole("button", { name, exact: true });

/** A conversation of two turns: one that says hello, and one that answers a message. */
async function twoTurns(page: Page): Promise<TaskPage> {
  await describeTask(page, "Free prompt", "Say hello.\n\nscenario: echo");
  await page.getByRole("button", { name: "Create and start" }).click();
  const task = new TaskPage(page);
  await expect(task.status).toHaveText("Completed", { timeout: PHASE_MS });
  await page.getByRole("textbox", { name: "Message to the agent" }).fill("And once more.");
  await button(page, "Send").click();
  await expect(task.status).not.toHaveText("Completed");
  await expect(task.status).toHaveText("Completed", { timeout: PHASE_MS });
  return task;
}

test("a task is forked at a checkpoint, and goes back to one", async ({ page }) => {
  test.setTimeout(3 * PHASE_MS);
  await open(page, "/tasks/new");
  const task = await twoTurns(page);
  const origin = task.id;
  await page.getByRole("navigation", { name: "Parts of the task" }).getByRole("link", { name: "Checkpoints" }).click();
  const points = page.locator(".point");
  await expect(points).toHaveCount(2);
  await expect(points.first()).toContainText("end of a turn");

  // What is different, to another one and to now.
  await points.last().getByRole("link", { name: /^Compare/ }).click();
  await expect(page.getByText("These files are the same.")).toBeVisible();

  await points.last().getByRole("link", { name: /^Fork at/ }).click();
  const dialog = page.getByRole("dialog", { name: "Begin another task here" });
  await expect(dialog).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(dialog).toHaveCount(0);
  await points.last().getByRole("link", { name: /^Fork at/ }).click();
  await dialog.getByLabel("Title").fill("Another way");
  await dialog.getByRole("button", { name: "Fork" }).click();
  await expect(page.getByRole("heading", { name: "Another way" })).toBeVisible();
  expect(task.id).not.toBe(origin);
  await expect(task.status).toHaveText("Paused");
  await expect(page.getByText("forked from another task")).toBeVisible();
  await button(page, "Resume").first().click();
  await expect(task.status).toHaveText("Completed", { timeout: PHASE_MS });

  await open(page, `/tasks/${origin}/checkpoints`);
  await points.last().getByRole("link", { name: /^Go back to/ }).click();
  const asked = page.getByRole("dialog", { name: "Go back to this point?" });
  await asked.getByRole("button", { name: "Go back" }).click();
  await expect(page).toHaveURL(new RegExp(`/tasks/${origin}$`));
  await expect(task.status).toHaveText("Paused", { timeout: PHASE_MS });
  await expect(task.log).toContainText("The task went back");
  await open(page, `/tasks/${origin}/checkpoints`);
  await expect(points).toHaveCount(3);
  await expect(page.locator('.point[data-kind="restore"]')).toContainText("left behind");
});

test.describe("without script", () => {
  test.use({ javaScriptEnabled: false });

  test("checkpoints are compared, forked and gone back to by links and plain forms", async ({ page }) => {
    test.setTimeout(3 * PHASE_MS);
    const shown = async (status: string): Promise<void> => {
      await expect(async () => {
        await page.reload();
        await expect(new TaskPage(page).status).toHaveText(status, { timeout: 1 });
      }).toPass({ timeout: PHASE_MS, intervals: [200] });
    };
    await page.goto("/tasks/new");
    await describeTask(page, "Free prompt", "Say hello.\n\nscenario: echo");
    await page.getByRole("button", { name: "Create and start" }).click();
    await shown("Completed");
    const id = new TaskPage(page).id;
    await page.goto(`/tasks/${id}/checkpoints`);
    await page.getByRole("link", { name: /^Compare/ }).click();
    await expect(page.getByText("These files are the same.")).toBeVisible();
    await page.getByRole("link", { name: /^Go back to/ }).click();
    await page.getByRole("button", { name: "Go back" }).click();
    await shown("Paused");
    await page.goto(`/tasks/${id}/checkpoints`);
    await page.getByRole("link", { name: /^Fork at/ }).last().click();
    await page.getByLabel("Go on at once").check();
    await page.getByRole("button", { name: "Fork" }).click();
    await expect(page.getByText("forked from another task")).toBeVisible();
    await shown("Completed");
  });
});
