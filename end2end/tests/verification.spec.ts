import { expect, test } from "../fixtures.ts";
import { PHASE_MS, TaskPage, describeTask, open } from "../task.ts";

test("a fault that the verifying agent finds is mended before a person is asked", async ({ page }) => {
  test.setTimeout(3 * PHASE_MS);
  await open(page, "/tasks/new");
  await describeTask(page, "New application", "# Habit tracker\n\nscenario: verified");
  await page.getByRole("button", { name: "Create and start" }).click();
  const task = new TaskPage(page);
  await task.untilReview("Planning", 2 * PHASE_MS);
  await task.openReview();
  await expect(page.locator(".check-row[data-tone=failed]")).toHaveCount(0);
  await page.getByText(/checks passed$/).click();
  await expect(page.locator(".check-row", { hasText: "P1-05" })).toContainText("now names a figure and a time");
  await page.goto(`/tasks/${task.id}/history`);
  const history = page.getByRole("main");
  await expect(history).toContainText("Verification failed");
});
