import type { Page } from "@playwright/test";
import { expect, test } from "../fixtures.ts";
import { PHASE_MS, TaskPage, describeTask, hydrated, open } from "../task.ts";

// For a value that is missing, the browser reports an error.
test.use({ allowedComplaints: [/status of 422/] });

const SECRET = "sk-journey-5d1f0a93c2";

/** Starts a task that needs something, from the form that is open. */
async function start(page: Page, scenario: string): Promise<TaskPage> {
  await describeTask(page, "Free prompt", `# Look at the weather\n\nscenario: ${scenario}`);
  await page.getByRole("button", { name: "Create and start" }).click();
  return new TaskPage(page);
}

function card(page: Page) {
  return page.locator(".attention", { hasText: "The agent needs something" });
}

test("a key is given in the page, used by a command, and shown nowhere", async ({ page }) => {
  test.setTimeout(2 * PHASE_MS);
  await open(page, "/tasks/new");
  const task = await start(page, "dependency");
  await expect(card(page)).toContainText("WEATHER_API_KEY (API key, required)", { timeout: PHASE_MS });
  await expect(task.status).toHaveText("Dependency");
  const value = card(page).getByLabel("Value of WEATHER_API_KEY");
  await expect(value).toHaveAttribute("type", "password");
  await expect(value).toHaveAttribute("autocomplete", "off");

  await card(page).getByRole("button", { name: "Give it to the agent" }).click();
  await expect(card(page).getByRole("alert").first()).toContainText("value is required");
  await value.fill(SECRET);
  await card(page).getByRole("button", { name: "Give it to the agent" }).click();
  await expect(card(page)).toBeHidden();
  await expect(task.status).toHaveText("Completed", { timeout: PHASE_MS });
  const shown = `The key has ${SECRET.length} characters, and says: [secret WEATHER_API_KEY]`;
  await expect(task.log).toContainText(shown);

  await page.getByRole("link", { name: "History" }).click();
  await expect(page.locator(".given")).toContainText(/WEATHER_API_KEY \(API key\) given by you/);
  await page.reload();
  await hydrated(page);
  await expect(page.locator(".given")).toContainText(/WEATHER_API_KEY \(API key\) given by you/);
  expect(await page.content()).not.toContain(SECRET);
});

test("a reusable secret is given by its name", async ({ page, request }) => {
  test.setTimeout(2 * PHASE_MS);
  await request.post("/api/secrets", { data: { name: "weather-live", value: SECRET } });
  await open(page, "/tasks/new");
  const task = await start(page, "dependency");
  const choice = card(page).getByLabel("Reusable secret for WEATHER_API_KEY");
  await choice.selectOption("weather-live", { timeout: PHASE_MS });
  await card(page).getByRole("button", { name: "Give it to the agent" }).click();
  await expect(task.status).toHaveText("Completed", { timeout: PHASE_MS });
  await expect(task.log).toContainText(`The key has ${SECRET.length} characters, and says: [secret WEATHER_API_KEY]`);
  await page.getByRole("link", { name: "History" }).click();
  await expect(page.locator(".given")).toContainText("given as the reusable secret weather-live");
  await open(page, "/settings");
  await expect(page.getByRole("listitem").filter({ hasText: "weather-live" })).toContainText("given to 1 task");
});

test("a key is declined with a reason that the agent is told", async ({ page }) => {
  test.setTimeout(2 * PHASE_MS);
  await open(page, "/tasks/new");
  const task = await start(page, "dependency");
  await card(page).getByText("Decline", { exact: true }).click({ timeout: PHASE_MS });
  await card(page).getByLabel("Why you decline WEATHER_API_KEY").fill("The service is too dear.");
  await card(page).getByRole("button", { name: "Decline WEATHER_API_KEY" }).click();
  await expect(card(page)).toBeHidden();
  await expect(task.status).toHaveText("Completed", { timeout: PHASE_MS });
  await expect(task.log).toContainText("The service is too dear.");
  await page.getByRole("link", { name: "History" }).click();
  await expect(page.locator(".given")).toContainText(/declined by you.*The service is too dear\./);
});

test("a file is sent from the page and read by the agent", async ({ page }) => {
  test.setTimeout(2 * PHASE_MS);
  await open(page, "/tasks/new");
  const task = await start(page, "dependency_file");
  const field = card(page).getByLabel("File for stations.csv");
  await field.setInputFiles({ name: "big.csv", mimeType: "text/csv", buffer: Buffer.alloc(70 * 1024, "x") }, { timeout: PHASE_MS });
  await card(page).getByRole("button", { name: "Send the file" }).click();
  await expect(page.locator(".notice", { hasText: "must be at most 64 KiB, this has 70 KiB" })).toBeVisible();
  await hydrated(page);
  await field.setInputFiles({ name: "mine.csv", mimeType: "text/csv", buffer: Buffer.from("Hamburg;1\nOslo;2\n") });
  await card(page).getByRole("button", { name: "Send the file" }).click();
  await expect(page).toHaveURL(new RegExp(`/tasks/${task.id}$`));
  await expect(task.status).toHaveText("Completed", { timeout: PHASE_MS });
  await expect(task.log).toContainText("Line 2 has 6 characters: Oslo;2");
});

test.describe("without script", () => {
  test.use({ javaScriptEnabled: false });

  test("a key and a file are given by plain forms", async ({ page }) => {
    test.setTimeout(4 * PHASE_MS);
    const shown = async (task: TaskPage, status: string): Promise<void> => {
      await expect(async () => {
        await page.reload();
        await expect(task.status).toHaveText(status, { timeout: 1 });
      }).toPass({ timeout: PHASE_MS, intervals: [500] });
    };
    await page.goto("/tasks/new");
    let task = await start(page, "dependency");
    await shown(task, "Dependency");
    await card(page).getByRole("button", { name: "Give it to the agent" }).click();
    await expect(page.locator(".notice", { hasText: "value is required" })).toBeVisible();
    await card(page).getByLabel("Value of WEATHER_API_KEY").fill(SECRET);
    await card(page).getByRole("button", { name: "Give it to the agent" }).click();
    await expect(page).toHaveURL(new RegExp(`/tasks/${task.id}$`));
    await shown(task, "Completed");
    await expect(task.log).toContainText(`The key has ${SECRET.length} characters`);
    expect(await page.content()).not.toContain(SECRET);

    await page.goto("/tasks/new");
    task = await start(page, "dependency_file");
    await shown(task, "Dependency");
    const file = { name: "mine.csv", mimeType: "text/csv", buffer: Buffer.from("Hamburg;1\n") };
    await card(page).getByLabel("File for stations.csv").setInputFiles(file);
    await card(page).getByRole("button", { name: "Send the file" }).click();
    await expect(page).toHaveURL(new RegExp(`/tasks/${task.id}$`));
    await shown(task, "Completed");
    await expect(task.log).toContainText("Line 1 has 9 characters: [secret stations.csv]");
  });
});
