import type { APIRequestContext, Page } from "@playwright/test";
import { expect, test } from "../fixtures.ts";
import { TaskPage } from "../task.ts";

/** Creates a conversation through the API and gives its id. */
async function create(request: APIRequestContext, title: string, description: string, start: boolean): Promise<string> {
  const created = await request.post("/api/tasks", { data: { title, type: "custom", description, start } });
  expect(created.status()).toBe(201);
  return ((await created.json()) as { id: string }).id;
}

/** Waits until the module runs: keys count from then on. */
async function untilLive(page: Page): Promise<void> {
  const help = page.getByRole("dialog", { name: "Keyboard" });
  await expect(async () => {
    await page.keyboard.press("?");
    await expect(help).toBeVisible({ timeout: 200 });
  }).toPass({ timeout: 15_000 });
  await page.keyboard.press("Escape");
  await expect(help).toBeHidden();
}

test("cancelling and deleting are asked for once more, and then done", async ({ page, request }) => {
  const id = await create(request, "Not needed", "Wait.", false);
  await page.goto(`/tasks/${id}`);
  await untilLive(page);
  const menu = page.getByLabel("More actions");

  await menu.click();
  await page.getByRole("link", { name: "Cancel the task…" }).click();
  const cancel = page.getByRole("dialog", { name: "Cancel this task?" });
  await expect(cancel).toBeVisible();
  await cancel.getByRole("link", { name: "Keep it" }).click();
  await expect(cancel).toBeHidden();
  await expect(page.locator(".task-head .pill")).toHaveText("Draft");

  await page.goto(`/tasks/${id}?confirm=cancel`);
  await untilLiveDialog(page);
  await page.keyboard.press("Escape");
  await expect(cancel).toBeHidden();
  await expect(page).toHaveURL(new RegExp(`/tasks/${id}$`));

  await menu.click();
  await page.getByRole("link", { name: "Cancel the task…" }).click();
  await cancel.getByRole("button", { name: "Cancel the task" }).click();
  await expect(page.locator(".task-head .pill")).toHaveText("Cancelled");
  await expect(cancel).toBeHidden();

  await menu.click();
  await page.getByRole("link", { name: "Delete…" }).click();
  await page.getByRole("dialog", { name: "Delete this task?" }).getByRole("button", { name: "Delete the task" }).click();
  await expect(page).toHaveURL(/\/$/);
  await expect(page.getByRole("heading", { name: "Describe a job" })).toBeVisible();
});

/** Waits until the dialog of the address covers the page, as it does once the module runs. */
async function untilLiveDialog(page: Page): Promise<void> {
  await expect(page.locator("dialog:modal")).toHaveCount(1);
}

test("a long list is shown page by page and stays live", async ({ page, request }) => {
  for (let number = 1; number <= 160; number += 1) await create(request, `Draft ${number}`, "Wait.", false);
  await page.goto("/");
  await untilLive(page);
  const rows = page.locator("[data-row]");
  for (const shown of [50, 100, 150]) {
    await expect(rows).toHaveCount(shown);
    await page.getByRole("link", { name: "Show more" }).click();
  }
  await expect(rows).toHaveCount(160);
  await expect(page.getByRole("link", { name: "Show more" })).toHaveCount(0);
  await expect(rows.last()).toHaveText("Draft 1");

  const href = await rows.nth(120).getAttribute("href");
  await request.patch(`/api${href}`, { data: { title: "Renamed elsewhere" } });
  await expect(rows.nth(120)).toHaveText("Renamed elsewhere");
  await request.delete(`/api${href}`);
  await expect(rows).toHaveCount(159);

  await create(request, "New one", "Wait.", false);
  await page.getByRole("button", { name: "Show 1 new task" }).click();
  await expect(rows.first()).toHaveText("New one");

  await page.getByRole("searchbox", { name: "Search tasks" }).fill("Draft 15");
  await expect(rows.first()).toHaveText("Draft 159");
  await page.locator(".rail").getByRole("link", { name: "Tasks" }).click();
  await expect(page).toHaveURL(/\/$/);
  await expect(page.getByRole("searchbox", { name: "Search tasks" })).toHaveValue("");
  await expect(rows.first()).toHaveText("New one");
});

test("what waits for a person appears by itself", async ({ page, request }) => {
  await page.goto("/needs-you");
  await expect(page.getByRole("heading", { name: "Nothing waits for you" })).toBeVisible();
  await untilLive(page);
  const first = await create(request, "First", "Ask me.\n\nscenario: ask", true);
  const row = page.locator(".need", { hasText: "First" });
  await expect(row.locator(".pill")).toHaveText("Question", { timeout: 60_000 });
  await expect(page.locator(".rail-count")).toHaveText("1");

  await create(request, "Second", "Ask me.\n\nscenario: ask", true);
  // What waits for longest stays first.
  await expect(page.locator("[data-row]")).toHaveText(["First", "Second"], { timeout: 60_000 });

  await request.post(`/api/tasks/${first}/cancel`);
  await expect(row).toHaveCount(0);
  await expect(page.locator(".rail-count")).toHaveText("1");
});

test("a page that was open before the agent began shows what it does, and messages in every tab", async ({ context, page, request }) => {
  const id = await create(request, "Slowly", "Count slowly.\n\nscenario: slow_bash", false);
  await page.goto(`/tasks/${id}`);
  await untilLive(page);
  const other = await context.newPage();
  await other.goto(`/tasks/${id}`);
  await page.getByRole("button", { name: "Start" }).click();
  const task = new TaskPage(page);
  await expect(task.status).toHaveText("Running");
  await expect(page.locator(".task-doing")).toContainText("Running", { timeout: 60_000 });

  const field = page.getByRole("textbox", { name: "Message to the agent" });
  await field.fill("Stop at ten.");
  await page.getByRole("button", { name: "Send" }).click();
  await field.fill("And then");
  for (const tab of [page, other]) {
    await expect(tab.locator(".undelivered, .log-message", { hasText: "Stop at ten." }).first()).toBeVisible();
  }
  await expect(field).toHaveValue("And then");
  await expect(task.status).toHaveText("Completed", { timeout: 90_000 });
  for (const tab of [page, other]) {
    await expect(tab.locator(".undelivered")).toHaveCount(0);
    await expect(tab.locator(".task-doing")).toHaveCount(0);
  }
});
