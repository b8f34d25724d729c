import { execFileSync } from "node:child_process";
import { expect, test } from "../fixtures.ts";
import { PHASE_MS, TaskPage, chooseType, describeTask, open } from "../task.ts";

test.use({ model: "none", serverOptions: { arguments: ["demo"], settings: {} } });

test("the demo changes its sample repository, and goes on by itself where it may", async ({ page }) => {
  test.setTimeout(5 * PHASE_MS);
  await open(page, "/tasks/new");
  await chooseType(page, "Change to an application");
  const repository = page.getByLabel("Repository", { exact: true });
  await expect(repository).toHaveValue(/\/samples\/greeter\.git$/);
  const sample = await repository.inputValue();
  await describeTask(page, "Change to an application", "# A second language\n\nGreet in German too.");
  await page.locator("summary", { hasText: "More" }).click();
  await page.getByRole("checkbox", { name: "Approve every gate by itself" }).check();
  await page.getByRole("button", { name: "Create and start" }).click();
  const task = new TaskPage(page);
  await expect(task.status).toHaveText("Completed", { timeout: 4 * PHASE_MS });
  await page.getByRole("link", { name: "Changes" }).click();
  const command = page.locator(".take-along code", { hasText: "git fetch" });
  execFileSync("sh", ["-c", (await command.textContent()) ?? ""], { cwd: sample });
  const branch = (await page.locator(".take-along code").first().textContent()) ?? "";
  const changed = execFileSync("git", ["show", `${branch}:src/greeting.js`], { cwd: sample, encoding: "utf8" });
  expect(changed).toContain("Hallo");
});

test("the demo answers a free prompt, and a message after it", async ({ page }) => {
  test.setTimeout(2 * PHASE_MS);
  await open(page, "/tasks/new");
  await describeTask(page, "Free prompt", "# Notes\n\nLook around and write down what you find.");
  await page.getByRole("button", { name: "Create and start" }).click();
  const task = new TaskPage(page);
  await expect(task.log).toContainText("scripted demo model");
  await expect(task.status).toHaveText("Completed", { timeout: PHASE_MS });
  await page.getByRole("textbox", { name: "Message to the agent" }).fill("And what is missing?");
  await page.getByRole("button", { name: "Send" }).click();
  await expect(task.log).toContainText("I have read your message: “And what is missing?”", { timeout: PHASE_MS });
  await expect(task.status).toHaveText("Completed");
});
