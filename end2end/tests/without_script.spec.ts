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
  await page.getByText("With a comment on a file and line").click();
  await page.getByLabel("File", { exact: true }).fill("docs/planning/01_idea.md");
  await page.getByLabel("Line", { exact: true }).fill("3");
  await page.getByLabel("Comment", { exact: true }).fill("Name the person who has the problem.");
  await page.getByLabel("What should change").fill("Too vague.");
  await page.getByRole("button", { name: "Request changes" }).click();
  await expect(page).toHaveURL(new RegExp(`/tasks/${task.id}$`));

  await reloadUntil(page, task, "Review");
  await task.openReview();
  await expect(page.getByRole("heading", { name: "Planning, round 2" })).toBeVisible();
  await page.getByRole("link", { name: "Planning round 1 · sent back" }).click();
  const comments = page.getByRole("region", { name: "Comments on this file" });
  await expect(comments).toContainText("docs/planning/01_idea.md, line 3");
  await page.getByRole("link", { name: "Planning round 2 · open" }).click();
  await task.approve();

  for (const phase of ["Design", "Development", "Testing"]) {
    await reloadUntil(page, task, "Review");
    await expect(page.locator(".attention")).toContainText(phase);
    await task.openReview();
    await task.approve();
  }
  await reloadUntil(page, task, "Completed");
});
