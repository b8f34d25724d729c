import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import { expect, test } from "../fixtures.ts";
import { TaskPage, describeTask } from "../task.ts";

/** Everything serious that axe finds on the page as it is. */
async function findings(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html}`));
}

/** The page in both themes, on a wide screen and on a phone. */
async function expectAccessible(page: Page, name: string): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    for (const width of [1440, 390]) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await page.setViewportSize({ width, height: 900 });
      expect(await findings(page), `${name}, ${colorScheme}, ${width} px`).toEqual([]);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      expect(overflow, `pixels that ${name} is wider than ${width}`).toBeLessThanOrEqual(0);
    }
  }
  await page.setViewportSize({ width: 1440, height: 900 });
}

// The browser reports the refusal of an empty form as an error.
test.use({ allowedComplaints: [/status of 422/] });

test("every page is accessible in both themes and on a phone", async ({ page }) => {
  // Four looks at each of fifteen pages, a second or two each.
  test.setTimeout(300_000);
  await page.goto("/");
  await expect(page.getByRole("heading", { name: "Describe a job" })).toBeVisible();
  await expectAccessible(page, "the empty list");
  await page.goto("/tasks/new");
  await expectAccessible(page, "the new task");
  await page.getByRole("button", { name: "Create draft" }).click();
  await expect(page.getByLabel("Description")).toHaveAttribute("aria-invalid", "true");
  await expectAccessible(page, "the new task with errors");

  await describeTask(page, "Free prompt", "Count slowly.\n\nscenario: slow_bash");
  await page.getByRole("button", { name: "Create and start" }).click();
  const slow = new TaskPage(page);
  await expect(slow.log.locator(".log-call").first()).toBeVisible({ timeout: 30_000 });
  await expectAccessible(page, "the running task");

  await page.goto("/tasks/new");
  await describeTask(page, "New application", "# Habit tracker\n\nscenario: chaos");
  await page.getByRole("button", { name: "Create and start" }).click();
  const task = new TaskPage(page);
  await task.untilReview("Planning");
  await task.openReview();
  await expectAccessible(page, "the review");
  const reviewed = task.id;
  for (const part of ["files", "changes", "usage", "checkpoints", "history"]) {
    await page.goto(`/tasks/${reviewed}/${part}`);
    await expectAccessible(page, part);
  }
  await page.goto(`/tasks/${reviewed}/history?at=5&with=9`);
  await expect(page.getByRole("heading", { name: "As it was at version 5" })).toBeVisible();
  await expectAccessible(page, "a version of long ago");
  await page.goto("/");
  await expectAccessible(page, "the list");
  await page.goto("/needs-you");
  await expectAccessible(page, "what needs you");
  await page.goto("/inbox");
  await expectAccessible(page, "the inbox");
  await page.goto("/usage");
  await expect(page.getByRole("heading", { name: "Cost per day" })).toBeVisible();
  await expectAccessible(page, "the usage");
  await page.goto("/usage/estimates");
  await expectAccessible(page, "the estimates");
  const waits = { title: "Waits", type: "custom", description: "Wait.", depends_on: [reviewed], start: true };
  expect((await page.request.post("/api/tasks", { data: waits })).status()).toBe(201);
  await page.goto("/queue");
  await expect(page.locator(".queue-row")).toHaveCount(1);
  await expectAccessible(page, "the queue");
  const made = { name: "Daily", rhythm: { every: "day", at: "09:00" }, task: { title: "A", type: "custom", description: "B" } };
  expect((await page.request.post("/api/schedules", { data: made })).status()).toBe(201);
  await page.goto("/schedules");
  await expect(page.locator(".schedule")).toHaveCount(1);
  await expectAccessible(page, "the schedules");
  await page.goto("/schedules?edit=new");
  await expectAccessible(page, "the form of a schedule");
  await page.goto("/settings");
  await expectAccessible(page, "the settings");
  await page.goto("/guides");
  await expectAccessible(page, "the guides");
  for (const guide of ["planning/01_idea", "design/04_api", "review/01_review_gate"]) {
    await page.goto(`/guides/${guide}`);
    await expectAccessible(page, `the guide ${guide}`);
  }
});

test.describe("an address that leads nowhere", () => {
  // The browser reports the page's own status as an error.
  test.use({ allowedComplaints: [/status of 404/] });

  test("is answered with 404 and a way back", async ({ page }) => {
    const missing = ["/nowhere", "/tasks/00000000-0000-7000-8000-000000000000", "/tasks/nonsense"];
    for (const path of missing) {
      const response = await page.goto(path);
      expect(response?.status(), path).toBe(404);
      await expect(page.getByRole("heading", { level: 1 })).toHaveText("There is nothing at this address");
    }
    await expectAccessible(page, "404");
    await page.getByRole("link", { name: "Go to the tasks" }).click();
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("Tasks");
  });
});

test("the keyboard is enough", async ({ page, request }) => {
  for (const title of ["First", "Second", "Third"]) {
    await request.post("/api/tasks", { data: { title, type: "custom", description: "Wait." } });
  }
  await page.goto("/");
  const rows = page.locator("[data-row]");
  await expect(rows).toHaveText(["Third", "Second", "First"]);

  await test.step("? shows the keys, Escape puts them away", async () => {
    const help = page.getByRole("dialog", { name: "Keyboard" });
    // Keys count from the moment at which the module runs.
    await expect(async () => {
      await page.keyboard.press("?");
      await expect(help).toBeVisible({ timeout: 200 });
    }).toPass({ timeout: 10_000 });
    await page.keyboard.press("Escape");
    await expect(help).toBeHidden();
  });

  await test.step("j, k and Enter open a task", async () => {
    await page.keyboard.press("j");
    await expect(rows.nth(0)).toBeFocused();
    await page.keyboard.press("j");
    await expect(rows.nth(1)).toBeFocused();
    await page.keyboard.press("j");
    await page.keyboard.press("k");
    await page.keyboard.press("Enter");
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("Second");
    await page.keyboard.press("g");
    await page.keyboard.press("t");
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("Tasks");
  });

  await test.step("/ searches as one types", async () => {
    await page.keyboard.press("/");
    await expect(page.getByRole("searchbox", { name: "Search tasks" })).toBeFocused();
    await page.keyboard.type("Thi");
    await expect(rows).toHaveText(["Third"]);
    await expect(page).toHaveURL(/\?q=Thi$/);
    await page.keyboard.press("c");
    await expect(page.getByRole("searchbox", { name: "Search tasks" })).toHaveValue("Thic");
    await page.getByRole("searchbox", { name: "Search tasks" }).blur();
  });

  await test.step("c begins a new task, and Tab reaches everything in it", async () => {
    await page.keyboard.press("c");
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("New task");
    await page.getByRole("radio", { name: "New application" }).focus();
    await page.keyboard.press("Tab");
    await expect(page.getByLabel("Description")).toBeFocused();
    await page.keyboard.type("# Typed\n\nscenario: chaos");
    await page.keyboard.press("Tab");
    await expect(page.getByLabel("Title")).toBeFocused();
    const start = page.getByRole("button", { name: "Create and start" });
    for (let step = 0; step < 5; step += 1) {
      await page.keyboard.press("Tab");
      if (await start.evaluate((button) => button === document.activeElement)) break;
    }
    await expect(start).toBeFocused();
    await page.keyboard.press("Enter");
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("Typed");
  });

  await test.step("f follows, r and a reach the decision", async () => {
    const task = new TaskPage(page);
    await expect(task.rows.nth(25)).toBeAttached({ timeout: 60_000 });
    await task.log.evaluate((panel) => panel.scrollTo(0, 0));
    const pill = page.locator(".live-pill");
    await expect(pill).toHaveAttribute("aria-pressed", "false");
    await page.keyboard.press("f");
    await expect(pill).toHaveAttribute("aria-pressed", "true");
    await task.untilReview("Planning");
    await task.openReview();
    await expect(page.getByRole("button", { name: "Approve" })).toBeVisible();
    await page.keyboard.press("r");
    await expect(page.getByRole("textbox", { name: "What should change" })).toBeFocused();
    await page.getByRole("textbox", { name: "What should change" }).blur();
    await page.keyboard.press("a");
    await expect(page.getByRole("button", { name: "Approve" })).toBeFocused();
    await page.keyboard.press("Enter");
    await expect(page).toHaveURL(new RegExp(`/tasks/${task.id}$`));
  });
});
