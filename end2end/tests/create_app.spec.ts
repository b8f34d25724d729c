import { expect, test } from "../fixtures.ts";
import { PHASE_MS, TaskPage, describeTask, expectToContain, hydrated, open } from "../task.ts";

const DOCUMENT = "docs/planning/01_idea.md";

test("an application is described, watched, sent back once and approved to its end", async ({ browser, page, server }) => {
  test.setTimeout(5 * PHASE_MS);
  await open(page, "/");
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "New task" }).click();
  await describeTask(page, "New application", "# Habit tracker\n\nFor people who forget.\n\nscenario: chaos");
  await page.getByRole("button", { name: "Create and start" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Habit tracker");

  const task = new TaskPage(page);
  await test.step("the log grows by itself and reads like sentences", async () => {
    await page.evaluate(() => document.documentElement.setAttribute("data-not-reloaded", ""));
    await expect(task.status).toHaveText("Running");
    await expect(task.rows.nth(2)).toBeVisible();
    const before = await task.newestLine();
    await expect.poll(() => task.newestLine()).toBeGreaterThan(before + 3);
    await expect(task.log.locator(".log-call summary", { hasText: DOCUMENT }).first()).toHaveText(/^Writing ?docs/);
    await expect(task.log.locator("summary", { hasText: "{\"" })).toHaveCount(0);
    await expect(page.locator("html[data-not-reloaded]")).toHaveCount(1);
  });

  await test.step("a reload in the middle shows the same", async () => {
    const before = await task.readLog();
    await page.reload();
    await hydrated(page);
    // A fast agent is done with the phase by now.
    await expect(task.status).toHaveText(/Running|Review/);
    expectToContain(await task.readLog(), before);
  });

  const elsewhere = await browser.newContext({ baseURL: server.url });
  const second = new TaskPage(await elsewhere.newPage());
  await open(second.page, `/tasks/${task.id}`);

  await test.step("both browsers come to the same gate with the same log", async () => {
    await task.untilReview("Planning");
    await second.untilReview("Planning");
    await expect(page.locator(".phase-mark").first()).toHaveAttribute("data-state", "review");
    expect(await second.readLog()).toEqual(await task.readLog());
  });

  await test.step("the phase is sent back with a comment on a line", async () => {
    await task.openReview();
    await expect(page.getByRole("article").getByRole("heading", { name: "01_idea" })).toBeVisible();
    await page.getByRole("link", { name: "Source" }).click();
    await expect(page.locator("table.code")).toBeVisible();
    await page.evaluate(() => window.scrollTo(0, 120));
    const top = await page.evaluate(() => window.scrollY);
    await page.getByRole("link", { name: "Comment on line 3", exact: true }).click();
    const field = page.getByRole("textbox", { name: "Comment on line 3" });
    await expect(field).toBeFocused();
    expect(await page.evaluate(() => window.scrollY), "a choice leaves the page where it is").toBeGreaterThanOrEqual(top);
    await field.fill("Name the person who has the problem.");
    await page.getByRole("button", { name: "Add comment" }).click();
    await expect(page.locator(".code-below .comment")).toContainText(`${DOCUMENT}, line 3`);
    await page.getByRole("textbox", { name: "What should change" }).fill("Too vague.");
    await page.getByRole("button", { name: "Request changes (1 comment)" }).click();
    await expect(page).toHaveURL(new RegExp(`/tasks/${task.id}$`));
  });

  await test.step("the second round answers it", async () => {
    await task.untilReview(/Planning ?, round 2/);
    await second.untilReview(/Planning ?, round 2/);
    await task.openReview();
    await expect(page.getByRole("heading", { name: "Planning, round 2" })).toBeVisible();
    await page.getByRole("link", { name: "Planning round 1 · sent back" }).click();
    await expect(page.getByText("Too vague.")).toBeVisible();
    await expect(page.getByRole("article").getByRole("heading", { name: "01_idea" })).toBeVisible();
    await page.getByRole("link", { name: "Planning round 2 · open" }).click();
    await page.setViewportSize({ width: 390, height: 844 });
    const own = page.getByRole("region", { name: "Your decision" });
    await expect.poll(async () => (await own.boundingBox())?.height, { message: "a phone's height" }).toBeLessThan(80);
    await page.getByRole("button", { name: "Write…" }).click();
    await expect(page.getByRole("textbox", { name: "What should change" })).toBeVisible();
    await page.setViewportSize({ width: 1280, height: 720 });
    await second.openReview();
    const verdict = second.page.getByRole("region", { name: "Your decision" });
    await expect(verdict).toBeVisible();
    await task.approve();
    await expect(verdict).toBeHidden();
    await second.page.goto(`/tasks/${task.id}`);
  });

  for (const phase of ["Design", "Development", "Testing"]) {
    await test.step(`${phase} is approved`, async () => {
      await task.untilReview(phase);
      await task.openReview();
      await task.approve();
    });
  }
  await expect(task.status).toHaveText("Completed");
  await expect(second.status).toHaveText("Completed");
  await expect(page.locator(".phase-mark[data-state=completed]")).toHaveCount(4);
  await elsewhere.close();
});
