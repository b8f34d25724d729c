import { expect, test } from "../fixtures.ts";
import { PHASE_MS, TaskPage, describeTask, hydrated, open } from "../task.ts";

// While the server is away, and for an answer that is refused, the browser reports errors.
test.use({ allowedComplaints: [/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_RESET|status of 422/] });

test("questions are answered in the page, after the server was started again, and the agent goes on", async ({ page, server }) => {
  test.setTimeout(3 * PHASE_MS);
  await open(page, "/tasks/new");
  await describeTask(page, "Free prompt", "# Set up\n\nscenario: ask_several");
  await page.getByRole("button", { name: "Create and start" }).click();
  const task = new TaskPage(page);
  const card = page.locator(".attention", { hasText: "The agent asks" });
  await expect(card).toBeVisible({ timeout: PHASE_MS });
  await expect(task.status).toHaveText("Question");

  await server.stop();
  await server.spawn();
  await page.goto("/needs-you");
  await hydrated(page);
  // All that waits could be answered here as well.
  await page.locator(".need").getByRole("link", { name: "Set up" }).first().click();

  const extras = card.getByRole("listitem").filter({ hasText: "Which extras?" });
  await extras.getByRole("checkbox", { name: /^Search/ }).check();
  await extras.getByRole("checkbox", { name: /^Export/ }).check();
  await extras.getByRole("button", { name: "Answer" }).click();
  await expect(extras).toContainText("Search, Export");
  // On to what is asked next.
  await expect(card.getByRole("radio", { name: /^Postgres/ })).toBeFocused();
  const database = card.getByRole("listitem").filter({ hasText: "Which database" });
  await database.getByRole("button", { name: "Answer" }).click();
  await expect(database.getByRole("alert")).toContainText("must not be empty");
  await database.getByRole("textbox").fill("DuckDB");
  await database.getByRole("button", { name: "Answer" }).click();

  await expect(card).toBeHidden();
  await expect(task.status).toHaveText("Completed", { timeout: PHASE_MS });
  await expect(task.log).toContainText("DuckDB");
});

test.describe("without script", () => {
  test.use({ javaScriptEnabled: false });

  test("a question is answered by a plain form", async ({ page }) => {
    test.setTimeout(2 * PHASE_MS);
    await page.goto("/tasks/new");
    await describeTask(page, "Free prompt", "# Paint it\n\nscenario: ask");
    await page.getByRole("button", { name: "Create and start" }).click();
    const task = new TaskPage(page);
    const shown = async (status: string): Promise<void> => {
      await expect(async () => {
        await page.reload();
        await expect(task.status).toHaveText(status, { timeout: 1 });
      }).toPass({ timeout: PHASE_MS, intervals: [500] });
    };
    await shown("Question");
    // The agent's own choice is chosen already.
    await expect(page.getByRole("radio", { name: "Teal" })).toBeChecked();
    await page.getByRole("radio", { name: "Amber" }).check();
    await page.getByRole("button", { name: "Answer" }).click();
    await expect(page).toHaveURL(new RegExp(`/tasks/${task.id}$`));
    await shown("Completed");
    await expect(task.log).toContainText("The person answered: Amber");
  });
});
