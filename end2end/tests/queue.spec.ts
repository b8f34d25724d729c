import type { APIRequestContext, Page } from "@playwright/test";
import { expect, test } from "../fixtures.ts";
import { open } from "../task.ts";

/** A task that stays in the queue: it waits for one that never runs. */
async function queued(request: APIRequestContext, title: string, after: string[], priority = "normal"): Promise<string> {
  const created = await request.post("/api/tasks", {
    data: { title, type: "custom", description: "Wait.", priority, depends_on: after, start: after.length > 0 },
  });
  expect(created.status()).toBe(201);
  return (await created.json()).id;
}

async function threeInLine(request: APIRequestContext): Promise<void> {
  const basis = await queued(request, "Basis", []);
  for (const title of ["First", "Second", "Third"]) {
    await queued(request, title, [basis]);
  }
}

const titles = (page: Page) => page.locator(".queue-title a");
const move = (page: Page, title: string, way: string) => page.getByRole("button", { name: `Move “${title}” ${way}` });

test("tasks in the queue are put in another order by buttons, keys and dragging", async ({ page, request }) => {
  await threeInLine(request);
  await open(page, "/queue");
  await expect(titles(page)).toHaveText(["First", "Second", "Third"]);
  await expect(page.locator(".queue-row").first()).toContainText("waits for Basis (draft)");
  await expect(move(page, "First", "up")).toBeDisabled();
  await expect(move(page, "Third", "down")).toBeDisabled();

  // The focus stays where the next press belongs.
  await move(page, "Third", "up").focus();
  await page.keyboard.press("Enter");
  await expect(titles(page)).toHaveText(["First", "Third", "Second"]);
  await expect(page.getByText("“Third” is now in place 2.")).toBeAttached();
  await expect(move(page, "Third", "up")).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(titles(page)).toHaveText(["Third", "First", "Second"]);
  await move(page, "Second", "to the front").click();
  await expect(titles(page)).toHaveText(["Second", "Third", "First"]);

  const row = (title: string) => page.locator(".queue-row", { hasText: title });
  await row("Second").locator(".queue-handle").dragTo(row("First"));
  await expect(titles(page)).toHaveText(["Third", "First", "Second"]);
  await row("Second").locator(".queue-handle").dragTo(row("Third"));
  await expect(titles(page)).toHaveText(["Second", "Third", "First"]);

  // Another priority, and what somebody else adds.
  await page.getByLabel("Priority of “First”").selectOption("High");
  await expect(titles(page)).toHaveText(["First", "Second", "Third"]);
  const basis = (await (await request.get("/api/tasks?q=Basis")).json()).items[0].id;
  await queued(request, "Urgent", [basis], "critical");
  await expect(titles(page)).toHaveText(["Urgent", "First", "Second", "Third"]);
  await page.reload();
  await expect(titles(page)).toHaveText(["Urgent", "First", "Second", "Third"]);
});

test.describe("without script", () => {
  test.use({ javaScriptEnabled: false });

  test("the queue is shown and put in another order", async ({ page, request }) => {
    await threeInLine(request);
    await page.goto("/queue");
    await expect(titles(page)).toHaveText(["First", "Second", "Third"]);
    await move(page, "Third", "to the front").click();
    await expect(page).toHaveURL(/\/queue\??$/);
    await expect(titles(page)).toHaveText(["Third", "First", "Second"]);
    await page.getByLabel("Priority of “Second”").selectOption("critical");
    await page.locator(".queue-row", { hasText: "Second" }).getByRole("button", { name: "Set" }).click();
    await expect(titles(page)).toHaveText(["Second", "Third", "First"]);
  });
});

test("an empty queue says what would stand there", async ({ page }) => {
  await open(page, "/queue");
  await expect(page.getByRole("heading", { name: "Nothing waits for an agent" })).toBeVisible();
  await expect(page.getByText(/^0 of \d+ agents at work, nothing waits for one\.$/)).toBeVisible();
});
