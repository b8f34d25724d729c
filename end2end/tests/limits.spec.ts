import { expect, test } from "../fixtures.ts";
import { PHASE_MS, TaskPage, describeTask, hydrated, open } from "../task.ts";

const PROMPT = "# Wait a little\n\nscenario: limited_briefly";

test("a limit is counted down everywhere, and the task goes on by itself after it", async ({ page }) => {
  test.setTimeout(2 * PHASE_MS);
  await open(page, "/tasks/new");
  await describeTask(page, "Free prompt", PROMPT);
  await page.getByRole("button", { name: "Create and start" }).click();
  const task = new TaskPage(page);
  await expect(task.status).toHaveText("Rate limit", { timeout: PHASE_MS });
  const card = page.locator(".attention", { hasText: "The account's limit for five hours is reached" });
  await expect(card).toContainText(/goes on by itself in 0:\d\d/);
  await expect(page.locator(".limit-mark")).toContainText(/Limit.*in 0:\d\d/);
  const address = page.url();
  await page.goto("/");
  await hydrated(page);
  const row = page.locator(".task-row", { hasText: "Wait a little" });
  await expect(row.locator(".pill")).toHaveText("Rate limit");
  await expect(row).toContainText(/in 0:\d\d .*limit for five hours is reached/);
  await expect(row.locator(".pill")).toHaveText("Completed", { timeout: PHASE_MS });
  await page.goto(address);
  await hydrated(page);
  await expect(task.log).toContainText("The limit is over and I go on.");
  await expect(page.locator(".limit-mark")).toBeHidden();
});

test("a task that is not to go on by itself goes on by a word", async ({ page }) => {
  test.setTimeout(2 * PHASE_MS);
  await open(page, "/tasks/new");
  await describeTask(page, "Free prompt", PROMPT);
  await page.getByRole("button", { name: "Create and start" }).click();
  const task = new TaskPage(page);
  const card = page.locator(".attention", { hasText: "limit for five hours is reached" });
  await expect(card).toBeVisible({ timeout: PHASE_MS });
  await card.getByRole("button", { name: "Don't go on by itself" }).click();
  await expect(card).toContainText("waits for you to let it go on");
  // Longer than the limit holds.
  await page.waitForTimeout(15_000);
  await expect(task.status).toHaveText("Rate limit");
  await page.locator(".task-head").getByRole("button", { name: "Retry" }).click();
  await expect(task.status).toHaveText("Completed", { timeout: PHASE_MS });
});

test.describe("without script", () => {
  test.use({ javaScriptEnabled: false });

  test("a limit is told with its end, and the switch is a plain form", async ({ page }) => {
    test.setTimeout(2 * PHASE_MS);
    await page.goto("/tasks/new");
    await describeTask(page, "Free prompt", PROMPT);
    await page.getByRole("button", { name: "Create and start" }).click();
    const card = page.locator(".attention", { hasText: "limit for five hours is reached" });
    await expect(async () => {
      await page.reload();
      await expect(card).toBeVisible({ timeout: 1 });
    }).toPass({ timeout: PHASE_MS, intervals: [500] });
    await expect(card).toContainText(/goes on by itself \d+ \w+ \d{4}, \d\d:\d\d UTC/);
    await card.getByRole("button", { name: "Don't go on by itself" }).click();
    await expect(card).toContainText("waits for you to let it go on");
  });
});
