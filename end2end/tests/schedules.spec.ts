import type { Page } from "@playwright/test";
import { expect, test } from "../fixtures.ts";
import { open } from "../task.ts";

// What can't be saved is told beside its field; the browser reports the answer as an error.
test.use({ allowedComplaints: [/status of 422/] });

const button = (page: Page, name: string) => page.getByRole("button", { name, exact: true });

/** Fills in what a schedule's task is. */
async function describe(page: Page, name: string): Promise<void> {
  await page.getByLabel("Name").fill(name);
  await page.getByText("Free prompt").click();
  await page.getByLabel("Description").fill("Say hello.\n\nscenario: echo");
}

test("a schedule is made, changed, run, paused and deleted", async ({ page }) => {
  await open(page, "/schedules");
  await expect(page.getByRole("heading", { name: "Nothing is made by itself yet" })).toBeVisible();
  await page.getByRole("link", { name: "New schedule" }).first().click();
  await describe(page, "Morning report");
  await page.getByLabel("Rhythm").selectOption("On days of the week");
  await expect(page.getByLabel("Minute", { exact: true })).toBeHidden();
  await page.getByLabel("At", { exact: true }).fill("08:15");
  await page.getByLabel("Time zone").fill("Mars/Base");
  await button(page, "Save").click();

  // What is wrong stands beside its field, and nothing typed is lost.
  await expect(page.locator("#rhythm-fault")).toContainText("needs a day of the week");
  await page.getByLabel("Monday").check();
  await page.getByLabel("Friday").check();
  await button(page, "Save").click();
  await expect(page.locator("#time_zone-fault")).toContainText("must be the name of a time zone");
  await page.getByLabel("Time zone").fill("Europe/Berlin");
  await button(page, "Save").click();
  await expect(page).toHaveURL(/\/schedules$/);
  const row = page.locator(".schedule", { hasText: "Morning report" });
  await expect(row).toContainText("Monday, Friday at 08:15, Europe/Berlin");
  await row.getByText("The next times").click();
  await expect(row.locator(".schedule-next li")).toHaveCount(5);

  await row.getByRole("link", { name: "Edit “Morning report”" }).click();
  await expect(page.getByLabel("Monday")).toBeChecked();
  await page.getByLabel("Rhythm").selectOption("As a cron expression says");
  await page.getByLabel("Minute, hour, day, month, weekday").fill("5 4 * * *");
  await button(page, "Save").click();
  await expect(row).toContainText("cron 5 4 * * *");

  await button(page, "Pause “Morning report”").click();
  await expect(row.locator(".pill")).toHaveText("Paused");
  await expect(row.getByText("The next times")).toHaveCount(0);
  await button(page, "Resume “Morning report”").click();
  await expect(row.locator(".pill")).toHaveCount(0);

  await button(page, "Run now: “Morning report”").click();
  await expect(page).toHaveURL(/\/tasks\/[0-9a-f-]{36}$/);
  await page.getByRole("link", { name: "a schedule" }).click();
  await expect(page.getByLabel("Name")).toHaveValue("Morning report");
  await page.getByRole("link", { name: "Cancel" }).click();
  await row.getByRole("link", { name: "Delete “Morning report”" }).click();
  await page.getByRole("dialog", { name: "Delete this schedule?" }).getByRole("button", { name: "Delete the schedule" }).click();
  await expect(page.getByRole("heading", { name: "Nothing is made by itself yet" })).toBeVisible();
});

test.describe("without script", () => {
  test.use({ javaScriptEnabled: false });

  test("a schedule is made and deleted by plain forms", async ({ page }) => {
    await page.goto("/schedules?edit=new");
    await describe(page, "Nightly");
    await page.getByLabel("At", { exact: true }).fill("02:30");
    await button(page, "Save").click();
    await expect(page).toHaveURL(/\/schedules$/);
    const row = page.locator(".schedule", { hasText: "Nightly" });
    await expect(row).toContainText("daily at 02:30, UTC");
    await row.getByRole("link", { name: "Delete “Nightly”" }).click();
    await button(page, "Delete the schedule").click();
    await expect(row).toHaveCount(0);
  });
});
