import type { APIRequestContext, Page } from "@playwright/test";
import { expect, test } from "../fixtures.ts";
import { PHASE_MS, TaskPage, hydrated, open } from "../task.ts";

const JOB = { title: "Habit tracker", type: "create_app", description: "A habit tracker.\n\nscenario: chaos" };

/** How far the page is wider than its window. */
async function overflow(page: Page): Promise<number> {
  return await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
}

/** Approves the first phase as soon as it waits for that. */
async function finishFirstPhase(request: APIRequestContext, id: string): Promise<void> {
  await expect
    .poll(async () => (await (await request.get(`/api/tasks/${id}`)).json()).waiting_reason, { timeout: PHASE_MS })
    .toBe("review");
  const reviews = await (await request.get(`/api/tasks/${id}/reviews`)).json();
  const answer = await request.patch(`/api/reviews/${reviews.items[0].id}/approve`, { data: {} });
  expect(answer.ok()).toBe(true);
}

test("a phase is estimated from three that were finished, and the estimate is compared with what it took", async ({ page, request }) => {
  test.setTimeout(5 * PHASE_MS);
  await open(page, "/usage/estimates");
  await expect(page.getByText("No phase was finished yet.")).toBeVisible();

  const known: string[] = [];
  for (let count = 0; count < 3; count += 1) {
    const created = await request.post("/api/tasks", { data: { ...JOB, start: true } });
    known.push((await created.json()).id);
  }
  for (const id of known) {
    await finishFirstPhase(request, id);
    await request.post(`/api/tasks/${id}/cancel`, { data: {} });
  }

  const draft = await (await request.post("/api/tasks", { data: { ...JOB, title: "Diary" } })).json();
  await open(page, `/tasks/${draft.id}`);
  const estimates = page.locator(".estimates");
  const planning = estimates.getByRole("listitem").filter({ hasText: "Planning" });
  await expect(planning).toContainText("learned from 3 finished phases with this model; 50 % should fall inside");
  const design = estimates.getByRole("listitem").filter({ hasText: "Design" });
  await expect(design).toContainText("no estimate yet: 0 of 3 finished phases of this kind");

  await page.getByRole("button", { name: "Start" }).click();
  await new TaskPage(page).untilReview("Planning");
  // The page has followed: what was expected is folded, and beside it stands what is used.
  await expect(planning).toBeHidden();
  await estimates.locator("summary").click();
  await expect(planning).toContainText("learned from 3 finished phases");
  await expect(planning).toContainText(/so far \$\d/);
  await finishFirstPhase(request, draft.id);
  await expect(planning).toContainText(/used \$\d/);

  await page.getByRole("navigation", { name: "Parts of the task" }).getByRole("link", { name: "Usage" }).click();
  const used = page.getByRole("row", { name: "Planning" });
  await expect(used).toContainText("claude");
  await expect(used).toContainText("$");

  await estimates.getByRole("link", { name: "How good estimates are" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Estimates");
  await expect(page.getByText("Estimates that are right promise 50 %.")).toBeVisible();
  await expect(page.getByRole("row", { name: "Diary" })).toBeVisible();
  await page.setViewportSize({ width: 390, height: 844 });
  expect(await overflow(page)).toBeLessThanOrEqual(0);
});

test("what was used is found from the bar of a phone", async ({ page }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await open(page, "/");
  const rail = page.getByRole("navigation", { name: "Main" });
  await rail.getByRole("link", { name: "Usage" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Usage");
  await page.getByRole("link", { name: "How good estimates are" }).click();
  await hydrated(page);
  await expect(page).toHaveURL(/\/usage\/estimates$/);
  for (const width of [390, 320]) {
    await page.setViewportSize({ width, height: 844 });
    expect(await overflow(page), `${width} px`).toBeLessThanOrEqual(0);
  }
});

test.describe("without script", () => {
  test.use({ javaScriptEnabled: false });

  test("estimates and a task's usage are there", async ({ page, request }) => {
    await page.goto("/usage/estimates");
    await expect(page.getByText("No phase was finished yet.")).toBeVisible();
    const draft = await (await request.post("/api/tasks", { data: JOB })).json();
    await page.goto(`/tasks/${draft.id}`);
    await expect(page.locator(".estimates")).toContainText("no estimate yet: 0 of 3 finished phases of this kind");
    await page.goto(`/tasks/${draft.id}/usage`);
    await expect(page.getByText("The agent has used nothing yet.")).toBeVisible();
  });
});
