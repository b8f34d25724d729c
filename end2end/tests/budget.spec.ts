import { expect, test } from "../fixtures.ts";
import { PHASE_MS, TaskPage, describeTask, hydrated, open } from "../task.ts";

// The browser reports the refusal of what is no number as an error.
test.use({ allowedComplaints: [/status of 422/] });

test("a task that has used up its budget goes on when it is raised, and its cost is on the page of usage", async ({ page }) => {
  test.setTimeout(3 * PHASE_MS);
  await open(page, "/tasks/new");
  await describeTask(page, "New application", "# Habit tracker\n\nscenario: chaos");
  await page.locator("details.more > summary").click();
  await page.getByLabel("Budget in dollars").fill("0.0001");
  await page.getByRole("button", { name: "Create and start" }).click();
  const task = new TaskPage(page);
  await expect(task.status).toHaveText("Budget", { timeout: PHASE_MS });
  const card = page.locator(".attention", { hasText: "The task's budget is used up" });
  await expect(card).toContainText(/of \$0\.0001/);
  const address = page.url();

  await page.goto("/needs-you");
  await hydrated(page);
  await expect(page.locator(".need", { hasText: "Habit tracker" })).toContainText("Budget");

  await page.goto(address);
  await hydrated(page);
  await card.getByLabel("Budget in dollars").fill("many");
  await card.getByRole("button", { name: "Raise and go on" }).click();
  await expect(page.locator(".toast-list")).toContainText("must be a number");
  await card.getByLabel("Budget in dollars").fill("$25.00");
  await card.getByRole("button", { name: "Raise and go on" }).click();
  await expect(card).toBeHidden();
  await task.untilReview("Planning");

  await page.goto("/usage");
  await hydrated(page);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Usage");
  const tasks = page.locator(".usage-panel", { hasText: "Cost per task and phase" });
  await expect(tasks.getByRole("link", { name: "Habit tracker" })).toBeVisible();
  await expect(tasks).toContainText("Phase 1");
});

test.describe("without script", () => {
  test.use({ javaScriptEnabled: false });

  test("a budget is raised by a plain form", async ({ page }) => {
    test.setTimeout(2 * PHASE_MS);
    await page.goto("/tasks/new");
    await describeTask(page, "New application", "# Habit tracker\n\nscenario: chaos");
    await page.locator("details.more > summary").click();
    await page.getByLabel("Budget in dollars").fill("0.0001");
    await page.getByRole("button", { name: "Create and start" }).click();
    const task = new TaskPage(page);
    const card = page.locator(".attention", { hasText: "The task's budget is used up" });
    await expect(async () => {
      await page.reload();
      await expect(card).toBeVisible({ timeout: 1 });
    }).toPass({ timeout: PHASE_MS, intervals: [500] });
    await card.getByLabel("Budget in dollars").fill("25");
    await card.getByRole("button", { name: "Raise and go on" }).click();
    await expect(page).toHaveURL(new RegExp(`/tasks/${task.id}\\??$`));
    await expect(card).toBeHidden();
  });
});
