import type { Page } from "@playwright/test";
import { expect, test } from "../fixtures.ts";
import { PHASE_MS, TaskPage, describeTask, open } from "../task.ts";

/** An agent that runs a command for ten seconds. */
async function atWork(page: Page): Promise<TaskPage> {
  await describeTask(page, "Free prompt", "# Count\n\nscenario: message");
  await page.getByRole("button", { name: "Create and start" }).click();
  return new TaskPage(page);
}

const queue = (page: Page) => page.getByRole("region", { name: "Queued messages" });

async function write(page: Page, text: string, deliverAt?: string): Promise<void> {
  await page.getByRole("textbox", { name: "Message to the agent" }).fill(text);
  if (deliverAt) await page.getByRole("combobox", { name: "When the agent gets it" }).last().selectOption(deliverAt);
  await page.getByRole("button", { name: "Send" }).click();
}

test("messages reach an agent at work or in a turn of their own, are changed and cancelled, and are told as delivered", async ({ page }) => {
  test.setTimeout(2 * PHASE_MS);
  await open(page, "/tasks/new");
  const task = await atWork(page);
  await expect(task.log).toContainText("I run a slow command", { timeout: PHASE_MS });

  await write(page, "Count to ten.");
  await expect(queue(page)).toContainText("With the next result of a tool");
  await write(page, "Then rest.", "own_turn");
  await write(page, "Never mind.");
  const row = (text: string) => queue(page).getByRole("listitem").filter({ hasText: text });
  await row("Never mind.").getByRole("button", { name: "Cancel this message" }).click();
  await expect(row("Never mind.")).toHaveCount(0);
  await row("Count to ten.").getByText("Edit", { exact: true }).click();
  await row("Count to ten.").getByRole("textbox").fill("Count to five.");
  await row("Count to ten.").getByRole("button", { name: "Save" }).click();
  await expect(row("Count to five.")).toContainText("changed");
  await expect(row("Then rest.")).toContainText("as one of its own");

  await expect(task.log).toContainText("You wrote while I worked: Count to five.", { timeout: PHASE_MS });
  await expect(task.log).toContainText("You wrote: Then rest.", { timeout: PHASE_MS });
  await expect(task.status).toHaveText("Completed", { timeout: PHASE_MS });
  await expect(task.log).not.toContainText("Count to ten.");
  await expect(queue(page)).toHaveCount(0);
  await page.getByText("3 earlier messages").click();
  const earlier = page.locator(".delivered li");
  await expect(earlier).toContainText([/Cancelled.*Never mind\./, /Delivered.*Then rest\./, /Delivered.*Count to five\./]);
});

test("an agent is interrupted in the middle of a command, and goes on with a message", async ({ page }) => {
  test.setTimeout(2 * PHASE_MS);
  await open(page, "/tasks/new");
  const task = await atWork(page);
  await expect(task.log).toContainText("I run a slow command", { timeout: PHASE_MS });
  await page.getByRole("button", { name: "Interrupt" }).click();
  await expect(task.status).toHaveText("Interrupted", { timeout: PHASE_MS });
  await expect(page.getByRole("button", { name: "Interrupt" })).toHaveCount(0);
  await expect(task.log).toContainText("A person has interrupted the agent.");
  await expect(page.getByRole("button", { name: "Go on" })).toBeVisible();
  await expect(page.locator(".rail-count")).toHaveText("1");
  await write(page, "That is enough.");
  await expect(task.log).toContainText("You wrote: That is enough.", { timeout: PHASE_MS });
  await expect(task.status).toHaveText("Completed", { timeout: PHASE_MS });
});

test.describe("without script", () => {
  test.use({ javaScriptEnabled: false });

  test("messages are queued, changed and cancelled, and the agent is interrupted, by plain forms", async ({ page }) => {
    test.setTimeout(2 * PHASE_MS);
    await page.goto("/tasks/new");
    const task = await atWork(page);
    const shown = async (status: string): Promise<void> => {
      await expect(async () => {
        await page.reload();
        await expect(task.status).toHaveText(status, { timeout: 1 });
      }).toPass({ timeout: PHASE_MS, intervals: [200] });
    };
    await shown("Running");
    await write(page, "First draft.", "own_turn");
    await write(page, "Never mind.", "own_turn");
    const row = (text: string) => queue(page).getByRole("listitem").filter({ hasText: text });
    await row("Never mind.").getByRole("button", { name: "Cancel this message" }).click();
    await expect(row("Never mind.")).toHaveCount(0);
    await row("First draft.").getByText("Edit", { exact: true }).click();
    await row("First draft.").getByRole("textbox").fill("Second draft.");
    await row("First draft.").getByRole("button", { name: "Save" }).click();
    await expect(row("Second draft.")).toContainText("as one of its own");
    await page.getByRole("button", { name: "Interrupt" }).click();
    await shown("Completed");
    await expect(task.log).toContainText("You wrote: Second draft.");
    await expect(task.log).not.toContainText("First draft.");
  });
});
