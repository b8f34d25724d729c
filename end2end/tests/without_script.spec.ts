import type { Page } from "@playwright/test";
import { expect, test } from "../fixtures.ts";
import { PHASE_MS, TaskPage, describeTask } from "../task.ts";

test.use({ javaScriptEnabled: false });

/** Looks again until the page says so, as a person without script does. */
async function reloadUntil(page: Page, task: TaskPage, status: string): Promise<void> {
  await expect(async () => {
    await page.reload();
    await expect(task.status).toHaveText(status, { timeout: 1 });
  }).toPass({ timeout: PHASE_MS, intervals: [500] });
}

test("an application is described, sent back once and approved to its end without script", async ({ page }) => {
  test.setTimeout(5 * PHASE_MS);
  await page.goto("/");
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "New task" }).click();
  await describeTask(page, "New application", "# Habit tracker\n\nscenario: chaos");
  await page.getByRole("button", { name: "Create and start" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Habit tracker");

  const task = new TaskPage(page);
  await reloadUntil(page, task, "Review");
  await expect(page.locator(".log-call summary").first()).toContainText("Running");

  await task.openReview();
  await expect(page.getByRole("article").getByRole("heading", { name: "01_idea" })).toBeVisible();
  await page.getByText("Comment on this file").click();
  await page.getByLabel("First line").fill("3");
  await page.getByLabel("Last line").fill("5");
  await page.getByLabel("Comment on docs/planning/01_idea.md").fill("Name the person who has the problem.");
  await page.getByRole("button", { name: "Add comment" }).click();
  await expect(page.locator(".comment")).toContainText("lines 3–5");
  await page.getByLabel("What should change").fill("Too vague.");
  await page.getByRole("button", { name: "Request changes" }).click();
  await expect(page).toHaveURL(new RegExp(`/tasks/${task.id}$`));

  await reloadUntil(page, task, "Review");
  await task.openReview();
  await expect(page.getByRole("heading", { name: "Planning, round 2" })).toBeVisible();
  await page.getByRole("link", { name: "Planning round 1 · sent back" }).click();
  await expect(page.locator(".document-below .comment")).toContainText("docs/planning/01_idea.md, lines 3–5");
  await page.getByRole("link", { name: "Planning round 2 · open" }).click();
  await page.getByLabel("What should change").fill("Keep it as short in the design.");
  await task.approve();

  for (const phase of ["Design", "Development", "Testing"]) {
    await reloadUntil(page, task, "Review");
    await expect(page.locator(".attention")).toContainText(phase);
    await task.openReview();
    await task.approve();
  }
  await reloadUntil(page, task, "Completed");
});
