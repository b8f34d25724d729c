import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import { expect, test } from "../fixtures.ts";
import { PHASE_MS, TaskPage, describeTask, hydrated, open } from "../task.ts";

const IDEA = "docs/planning/01_idea.md";
const CODE = "docs/planning/habit.py";

async function findings(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html}`));
}

async function show(page: Page, file: string): Promise<void> {
  await page.getByRole("navigation", { name: "Files under review" }).getByRole("link", { name: file }).click();
  await expect(page.locator(".file-head h2")).toHaveText(file);
}

test("a review is read, commented on by lines, sent back and read again by what is new", async ({ page }) => {
  test.setTimeout(5 * PHASE_MS);
  await open(page, "/tasks/new");
  await describeTask(page, "New application", "# Habits\n\nscenario: review");
  await page.getByRole("button", { name: "Create and start" }).click();
  const task = new TaskPage(page);
  await task.untilReview("Planning");
  await task.openReview();
  await hydrated(page);

  await test.step("it tells what the agent did, and shows documents, code, images and what is no text", async () => {
    await expect(page.locator(".review-told")).toContainText(/\d+ turns · \d+ tool calls/);
    await page.getByText("What the agent said last").click();
    await expect(page.locator(".last-said strong")).toHaveText("complete");
    await expect(page.getByRole("article").getByRole("heading", { name: "01_idea" })).toBeVisible();
    const logo = page.getByRole("article").getByRole("img", { name: "Logo" });
    await expect.poll(() => logo.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBe(120);
    await expect(page.locator(".document pre .k").first()).toHaveText("fn");
    expect(await findings(page)).toEqual([]);
    await show(page, "docs/planning/logo.png");
    await expect(page.getByRole("img", { name: "logo.png, New" })).toBeVisible();
    await show(page, "docs/planning/sample.bin");
    await expect(page.getByText("A binary file. 4 KiB.")).toBeVisible();
    await show(page, "docs/planning/numbers.csv");
    await expect(page.locator(".code tr[id]")).toHaveCount(0);
    await page.getByRole("link", { name: "Show its 2400 lines" }).click();
    await expect(page.locator(".code tr[id]")).toHaveCount(2400);
  });

  await test.step("a range is chosen with Shift, with the pointer, by the keyboard", async () => {
    await show(page, CODE);
    await page.getByRole("link", { name: "Comment on line 4", exact: true }).click();
    await expect(page.getByRole("textbox", { name: "Comment on line 4" })).toBeFocused();
    await page.getByRole("link", { name: "Comment on line 8", exact: true }).click({ modifiers: ["Shift"] });
    await expect(page.getByRole("textbox", { name: "Comment on lines 4 to 8" })).toBeFocused();
    await expect(page.locator("tr[data-chosen]")).toHaveCount(5);
    await page.getByRole("link", { name: "Comment on line 2", exact: true }).focus();
    await page.keyboard.press("Shift+Enter");
    await expect(page.getByRole("textbox", { name: "Comment on lines 2 to 4" })).toBeVisible();
    await page.getByRole("link", { name: "Comment on line 16", exact: true }).hover();
    await page.mouse.down();
    await page.getByRole("link", { name: "Comment on line 19", exact: true }).hover();
    await page.mouse.up();
    await page.getByRole("textbox", { name: "Comment on lines 16 to 19" }).fill("Count into a name of its own.");
    await page.getByRole("button", { name: "Add comment" }).first().click();
    await expect(page.locator(".code-below .comment")).toContainText(`${CODE}, lines 16–19`);
  });

  await test.step("a block of a document is commented, and the versions stand side by side", async () => {
    await show(page, IDEA);
    await page.getByRole("link", { name: "Comment on line 7" }).click();
    await page.getByRole("textbox", { name: "Comment on line 7" }).fill("Who exactly?");
    await page.getByRole("button", { name: "Add comment" }).first().click();
    await expect(page.locator(".document-below .comment")).toContainText("Who exactly?");
    await page.locator(".file-shapes").getByRole("link", { name: "Changes" }).click();
    await page.getByRole("link", { name: "Split" }).click();
    await expect(page.locator("table.code[data-split]")).toBeVisible();
    await page.reload();
    await hydrated(page);
    await show(page, CODE);
    await expect(page.locator("table.code[data-split]"), "the choice is remembered").toBeVisible();
    expect(await findings(page)).toEqual([]);
    await page.getByRole("link", { name: "Unified" }).click();
    await expect(page.locator("table.code[data-split]")).toHaveCount(0);
  });

  await test.step("keys lead from file to file and from comment to comment", async () => {
    await page.locator("h1").click();
    await page.keyboard.press("n");
    await expect(page.locator(".comment:focus")).toContainText("Who exactly?");
    await page.keyboard.press("n");
    await expect(page.locator(".comment:focus")).toContainText("Count into a name");
    await page.keyboard.press("p");
    await expect(page.locator(".comment:focus")).toContainText("Who exactly?");
    await page.keyboard.press("]");
    await expect(page.locator(".file-head h2")).not.toHaveText(IDEA);
    await page.keyboard.press("[");
    await expect(page.locator(".file-head h2")).toHaveText(IDEA);
  });

  await page.getByRole("button", { name: "Request changes (2 comments)" }).click();
  await expect(page).toHaveURL(new RegExp(`/tasks/${task.id}$`));
  await task.untilReview(/Planning ?, round 2/);
  await task.openReview();

  await test.step("the second round shows what is new, and earlier comments with what became of their lines", async () => {
    await page.getByRole("link", { name: "New since round 1" }).click();
    const files = page.getByRole("navigation", { name: "Files under review" });
    await expect(files.getByRole("listitem")).toHaveText([/01_idea/, /habit\.py/, /logo\.png/, /sample\.bin/]);
    await show(page, IDEA);
    const outdated = page.locator(".comment", { hasText: "Who exactly?" });
    await expect(outdated).toContainText("round 1, outdated");
    await expect(outdated.locator("pre")).toContainText("Somebody who forgets small things");
    await page.getByRole("link", { name: /^Show lines/ }).first().click();
    await expect(page.locator("#L1")).toBeVisible();
    await outdated.getByRole("button", { name: "Resolve" }).click();
    await expect(outdated).toContainText("Resolved");
    await expect(page.getByRole("button", { name: "Request changes (1 comment)" })).toBeVisible();
    await show(page, "docs/planning/logo.png");
    await expect(page.locator(".pictures img")).toHaveCount(2);
    await show(page, CODE);
    await expect(page.locator(".file-facts")).toContainText("now executable");
  });

  await test.step("it is approved with remarks, which history and the next phase know", async () => {
    await page.locator("h1").click();
    await page.keyboard.press("r");
    await page.keyboard.type("Keep it short.");
    await page.getByRole("button", { name: "Approve with remarks" }).click();
    await expect(page).toHaveURL(new RegExp(`/tasks/${task.id}$`));
    await page.goto(`/tasks/${task.id}/history`);
    await expect(page.locator(".event", { hasText: "Review approved" })).toContainText("Keep it short.");
  });
});

test("a comment that is being typed outlives a decision that somebody else takes", async ({ page, request }) => {
  test.setTimeout(3 * PHASE_MS);
  const created = await request.post("/api/tasks", {
    data: { title: "Habits", type: "create_app", description: "scenario: review", start: true },
  });
  const { id } = await created.json();
  const state = async () => (await request.get(`/api/tasks/${id}`)).json();
  await expect.poll(async () => (await state()).waiting_reason, { timeout: PHASE_MS }).toBe("review");
  await open(page, `/tasks/${id}/review`);
  await show(page, CODE);
  await page.getByRole("link", { name: "Comment on line 4", exact: true }).click();
  await page.getByRole("textbox", { name: "Comment on line 4" }).fill("Half a thought");
  await show(page, IDEA);
  await show(page, CODE);
  await page.getByRole("link", { name: "Comment on line 6", exact: true }).click();
  await expect(page.getByRole("textbox", { name: "Comment on line 6" }), "it outlives other files").toHaveValue(
    "Half a thought",
  );
  const reviews = await (await request.get(`/api/tasks/${id}/reviews`)).json();
  const review = (reviews.reviews ?? reviews.items ?? reviews)[0].id;
  expect((await request.patch(`/api/reviews/${review}/approve`, { data: {} })).ok()).toBe(true);
  const unsent = page.getByRole("status", { name: "Comments that were not sent" });
  await expect(unsent).toContainText(CODE);
  await expect(unsent.getByRole("textbox")).toHaveValue("Half a thought");
});

test.describe("without script", () => {
  test.use({ javaScriptEnabled: false });

  test("versions, hidden lines, comments on lines and remarks need no script", async ({ page, request }) => {
    test.setTimeout(3 * PHASE_MS);
    const created = await request.post("/api/tasks", {
      data: { title: "Habits", type: "create_app", description: "scenario: review", start: true },
    });
    const { id } = await created.json();
    await expect
      .poll(async () => (await (await request.get(`/api/tasks/${id}`)).json()).waiting_reason, { timeout: PHASE_MS })
      .toBe("review");
    await page.goto(`/tasks/${id}/review`);
    await show(page, CODE);
    await page.getByRole("link", { name: "Split" }).click();
    await expect(page.locator("table.code[data-split]")).toBeVisible();
    await page.getByRole("link", { name: "Comment on line 4", exact: true }).click();
    await page.getByLabel("Last line").first().fill("6");
    await page.getByRole("textbox", { name: "Comment on line 4" }).fill("Why so?");
    await page.getByRole("button", { name: "Add comment" }).first().click();
    await expect(page.locator(".code-below .comment")).toContainText("lines 4–6");
    await show(page, "docs/planning/numbers.csv");
    await page.getByRole("link", { name: "Show its 2400 lines" }).click();
    await expect(page.locator(".code tr[id]")).toHaveCount(2400);
    await page.getByLabel("What should change").fill("Fine so far.");
    await page.getByRole("button", { name: "Approve" }).click();
    await page.goto(`/tasks/${id}/review`);
    await expect(page.locator(".decision")).toContainText("Fine so far.");
  });
});
