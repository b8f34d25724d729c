import { expect, test } from "../fixtures.ts";
import { TaskPage, describeTask } from "../task.ts";

test("a person keeps a document and the whole workspace", async ({ page }) => {
  await page.goto("/tasks/new");
  await describeTask(page, "New application", "# Habit tracker\n\nscenario: chaos");
  await page.getByRole("button", { name: "Create and start" }).click();
  const task = new TaskPage(page);
  await task.untilReview("Planning");
  await page.goto(`/tasks/${task.id}/files`);
  await expect(page.getByText(/^SHA-256 [0-9a-f]{64}$/)).toBeVisible();

  const document = page.waitForEvent("download");
  await page.getByRole("link", { name: /^Download \(/ }).click();
  expect((await document).suggestedFilename()).toBe("01_idea.md");

  const archive = page.waitForEvent("download");
  await page.getByRole("link", { name: "Whole workspace (ZIP)" }).click();
  expect((await archive).suggestedFilename()).toBe("habit-tracker.zip");
});
