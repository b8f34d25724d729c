import { expect, test } from "../fixtures.ts";
import { PHASE_MS, TaskPage, describeTask, open } from "../task.ts";

test("a question is told at once, counted, answered in place, and settled by that", async ({ page, context }) => {
  test.setTimeout(3 * PHASE_MS);
  const inbox = await context.newPage();
  await open(inbox, "/inbox");
  await expect(inbox.getByRole("heading", { name: "Nothing new" })).toBeVisible();
  await expect(inbox).toHaveTitle("Inbox · Claude Code Server");

  await open(page, "/tasks/new");
  await describeTask(page, "Free prompt", "# Paint it\n\nscenario: ask");
  await page.getByRole("button", { name: "Create and start" }).click();
  const task = new TaskPage(page);
  await expect(task.status).toHaveText("Question", { timeout: PHASE_MS });

  // Nobody has touched that page.
  const row = inbox.locator(".told", { hasText: "Question" });
  await expect(row).toContainText("Paint it");
  await expect(row).toHaveAttribute("data-unread", "");
  const bell = inbox.getByRole("link", { name: /^Notifications/ });
  await expect(bell).toHaveAccessibleName("Notifications 1 unread");
  await expect(inbox).toHaveTitle("(1) Inbox · Claude Code Server");
  await expect(page).toHaveTitle(/^\(1\) /);

  await row.getByRole("button", { name: "Mark as read" }).click();
  await expect(row).not.toHaveAttribute("data-unread");
  await expect(bell).toHaveAccessibleName("Notifications");
  // Whoever has read it has not answered yet.
  await expect(inbox).toHaveTitle(/^\(1\) /);

  await open(page, "/needs-you");
  const need = page.locator(".need", { hasText: "Paint it" });
  await need.getByRole("textbox", { name: /own words/ }).fill("Violet");
  await need.getByRole("button", { name: "Answer" }).click();
  await expect(page.getByRole("heading", { name: "Nothing waits for you" })).toBeVisible({ timeout: PHASE_MS });
  await expect(inbox.locator(".told[data-settled]", { hasText: "Question" })).toBeVisible();
  await expect(inbox.locator(".told", { hasText: "Completed" })).toContainText("Paint it", { timeout: PHASE_MS });
  await expect(inbox).toHaveTitle("Inbox · Claude Code Server");
  await expect(bell).toHaveAccessibleName("Notifications 1 unread");

  // Whoever goes there has read it.
  await inbox.locator(".told", { hasText: "Completed" }).getByRole("link").click();
  await expect(inbox).toHaveURL(/\/tasks\/[0-9a-f-]{36}$/);
  await expect(bell).toHaveAccessibleName("Notifications");
  await expect(new TaskPage(inbox).log).toContainText("Violet");
});

test("what is typed for one question outlives the news of another", async ({ page, context }) => {
  test.setTimeout(3 * PHASE_MS);
  const ask = async (title: string): Promise<void> => {
    const other = await context.newPage();
    await open(other, "/tasks/new");
    await describeTask(other, "Free prompt", `# ${title}\n\nscenario: ask`);
    await other.getByRole("button", { name: "Create and start" }).click();
    await expect(new TaskPage(other).status).toHaveText("Question", { timeout: PHASE_MS });
    await other.close();
  };
  await ask("First");
  await open(page, "/needs-you");
  const words = page.locator(".need", { hasText: "First" }).getByRole("textbox", { name: /own words/ });
  await words.fill("Half a sen");
  await ask("Second");
  await expect(page.locator(".need", { hasText: "Second" })).toBeVisible();
  await expect(words).toHaveValue("Half a sen");
  await expect(words).toBeFocused();
  await expect(page.locator(".need")).toHaveText([/First/, /Second/]);
});

test("the browser asks for push messages with a worker of the server's own", async ({ page }) => {
  await open(page, "/inbox");
  await page.getByText("Push to this browser").click();
  await expect(page.getByRole("checkbox", { name: "Reviews" })).toBeEnabled();
  const scope = await page.evaluate(async () => {
    await navigator.serviceWorker.register("/worker.js");
    return (await navigator.serviceWorker.ready).active?.scriptURL;
  });
  expect(scope).toMatch(/\/worker\.js$/);
});

test.describe("without script", () => {
  test.use({ javaScriptEnabled: false });

  test("a question is told, answered where all that waits is listed, and read", async ({ page }) => {
    test.setTimeout(2 * PHASE_MS);
    await page.goto("/tasks/new");
    await describeTask(page, "Free prompt", "# Paint it\n\nscenario: ask");
    await page.getByRole("button", { name: "Create and start" }).click();
    const shown = async (address: string, selector: string): Promise<void> => {
      await expect(async () => {
        await page.goto(address);
        await expect(page.locator(selector)).toBeVisible({ timeout: 1 });
      }).toPass({ timeout: PHASE_MS, intervals: [500] });
    };
    await shown("/needs-you", ".need");
    await expect(page).toHaveTitle("(1) Needs you · Claude Code Server");
    await page.getByRole("radio", { name: "Amber" }).check();
    await page.getByRole("button", { name: "Answer" }).click();
    await expect(page).toHaveURL(/\/needs-you$/);
    await expect(page.getByRole("heading", { name: "Nothing waits for you" })).toBeVisible();
    await shown("/inbox", ".told[data-unread]:has-text('Completed')");
    await page.getByRole("button", { name: "Mark all as read" }).click();
    await expect(page).toHaveURL(/\/inbox\??$/);
    await expect(page.locator(".told[data-unread]")).toHaveCount(0);
    await expect(page.locator(".told")).toHaveCount(2);
  });
});
