import { expect, test } from "../fixtures.ts";
import { TaskPage, chooseType } from "../task.ts";

test.use({ model: "none" });

test("without credentials the page says so, and the demo model does the work under its own name", async ({ page }) => {
  await page.goto("/");
  const notice = page.locator(".notice", { hasText: "No Claude credentials are set" });
  await expect(notice.getByRole("link", { name: "Give a key in the settings" })).toHaveAttribute("href", "/settings");
  await notice.getByRole("link", { name: "try the demo" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("New task");
  await expect(page.getByRole("radio", { name: "New application" })).toBeChecked();
  await expect(page.getByLabel("Model")).toHaveValue("scripted-demo");

  await chooseType(page, "Free prompt");
  await page.getByLabel("Description").fill("Say hello.\n\nscenario: echo");
  await page.getByRole("button", { name: "Create and start" }).click();
  const task = new TaskPage(page);
  await expect(task.status).toHaveText("Completed", { timeout: 60_000 });
  await expect(page.locator(".task-head")).toContainText("Scripted model");
  await expect(task.log).toContainText("This is the scripted demo model, not Claude.");
  await page.goto("/");
  await expect(page.locator(".task-row")).toContainText("scripted model");
});
