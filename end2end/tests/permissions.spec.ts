import AxeBuilder from "@axe-core/playwright";
import type { Locator, Page } from "@playwright/test";
import { expect, test } from "../fixtures.ts";
import { PHASE_MS, TaskPage, describeTask, open } from "../task.ts";

const COMMAND = "dd if=/dev/zero of=zeros.bin bs=1 count=3";

/** Everything serious that axe finds on the page as it is. */
async function findings(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html}`));
}

function card(page: Page): Locator {
  return page.locator(".attention", { hasText: "The agent asks" });
}

async function begin(page: Page, scenario: string): Promise<TaskPage> {
  await describeTask(page, "Free prompt", `# Try it\n\nscenario: ${scenario}`);
  await page.getByRole("button", { name: "Create and start" }).click();
  return new TaskPage(page);
}

test("a call is denied with a reason that the agent is told", async ({ page }) => {
  test.setTimeout(2 * PHASE_MS);
  await open(page, "/tasks/new");
  const task = await begin(page, "permission");
  await expect(card(page)).toContainText("May the agent run this command?", { timeout: PHASE_MS });
  await expect(card(page).locator("pre")).toHaveText(COMMAND);
  await expect(card(page)).toContainText('"dd" is not among the commands');
  await card(page).getByRole("textbox", { name: "Reason" }).fill("Zeros are not wanted here.");
  await card(page).getByRole("button", { name: "Deny" }).click();
  await expect(card(page)).toBeHidden();
  await expect(page.getByRole("heading", { level: 1 })).toBeFocused();
  await expect(task.status).toHaveText("Completed", { timeout: PHASE_MS });
  await expect(task.log).toContainText("I was told no: Zeros are not wanted here.");
});

test("a call that is allowed for the task is not asked for again, until its rule is removed", async ({ page }) => {
  test.setTimeout(3 * PHASE_MS);
  await open(page, "/tasks/new");
  const task = await begin(page, "permission");
  await expect(card(page)).toContainText(`Run commands that begin with ${COMMAND}`, { timeout: PHASE_MS });
  expect(await findings(page)).toEqual([]);
  await card(page).getByRole("button", { name: "Allow for this task" }).click();
  // The second call begins with the same words.
  await expect(task.status).toHaveText("Completed", { timeout: PHASE_MS });
  await expect(task.log).toContainText("That is all.");

  await page.getByRole("link", { name: "Permissions" }).click();
  const rule = page.getByRole("listitem").filter({ hasText: COMMAND });
  await expect(rule).toContainText("Run commands that begin with");
  await page.getByLabel("What is allowed").selectOption("Change");
  await page.getByLabel("What for").fill("docs/");
  await page.getByRole("button", { name: "Allow" }).click();
  await expect(page.getByRole("listitem").filter({ hasText: "docs/" })).toBeVisible();
  expect(await findings(page)).toEqual([]);
  await rule.getByRole("button", { name: "Remove" }).click();
  await expect(rule).toHaveCount(0);
  await page.reload();
  await expect(page.getByRole("listitem").filter({ hasText: "docs/" })).toBeVisible();
  await expect(rule).toHaveCount(0);
});

test.describe("without script", () => {
  test.use({ javaScriptEnabled: false });

  test("calls are allowed one by one, and the mode is changed, by plain forms", async ({ page }) => {
    test.setTimeout(3 * PHASE_MS);
    await page.goto("/tasks/new");
    const task = await begin(page, "permission");
    const shown = async (status: string, text: string): Promise<void> => {
      await expect(async () => {
        await page.reload();
        await expect(task.status).toHaveText(status, { timeout: 1 });
        await expect(page.locator("main")).toContainText(text, { timeout: 1 });
      }).toPass({ timeout: PHASE_MS, intervals: [500] });
    };
    await shown("Question", COMMAND);
    await page.getByRole("button", { name: "Allow once" }).click();
    await expect(page).toHaveURL(new RegExp(`/tasks/${task.id}$`));
    await shown("Question", `${COMMAND} status=none`);
    await page.getByRole("link", { name: "Permissions" }).click();
    await page.getByRole("radio", { name: "Autonomous" }).check();
    await page.getByRole("button", { name: "Change" }).click();
    await expect(page).toHaveURL(new RegExp(`/tasks/${task.id}/permissions$`));
    await expect(page.getByRole("radio", { name: "Autonomous" })).toBeChecked();
    await page.goto(`/tasks/${task.id}`);
    await page.getByRole("button", { name: "Allow once" }).click();
    await shown("Completed", "That is all.");
  });
});
