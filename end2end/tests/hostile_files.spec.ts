import { expect, test } from "../fixtures.ts";
import { PHASE_MS, TaskPage, describeTask, hydrated, open } from "../task.ts";

// A file that is refused is reported by the browser as an error.
test.use({ allowedComplaints: [/status of 422/] });

test("files that an agent should not have left are refused with their reason, and the rest is readable", async ({ page }) => {
  test.setTimeout(4 * PHASE_MS);
  await open(page, "/tasks/new");
  await describeTask(page, "New application", "# Strange files\n\nscenario: hostile");
  await page.locator("summary", { hasText: "More" }).click();
  await page.getByRole("radio", { name: /^Autonomous/ }).check();
  await page.getByRole("button", { name: "Create and start" }).click();
  const task = new TaskPage(page);
  await task.untilReview("Planning", 3 * PHASE_MS);

  await test.step("the gate says what is wrong, after all attempts to mend it", async () => {
    await task.openReview();
    const failed = page.locator(".check-row[data-tone=failed]");
    await expect(failed.filter({ hasText: "01_idea.md" })).toContainText("leads out of the task's workspace");
    await expect(failed.filter({ hasText: "02_market.md" })).toContainText("are not recorded");
    await expect(failed.filter({ hasText: "03_persona.md" })).toContainText("is not readable text");
  });

  await test.step("a link out of the workspace is refused, whoever asks", async () => {
    await page.goto(`/tasks/${task.id}/files?file=docs/planning/01_idea.md`);
    await hydrated(page);
    await expect(page.getByRole("alert")).toContainText("leads out of the task's workspace");
    await expect(page.getByText("root:")).toHaveCount(0);
    const answer = await page.request.get(`/api/tasks/${task.id}/deliverables/docs/planning/01_idea.md?raw=1`);
    expect(answer.status()).toBe(422);
  });

  await test.step("a huge document and broken text don't stop the page", async () => {
    const list = page.getByRole("navigation", { name: "Files" });
    await list.getByRole("link", { name: /02_market/ }).click();
    await expect(page.locator(".split-main")).toContainText("Only the beginning of this file is shown");
    await list.getByRole("link", { name: /03_persona/ }).click();
    await expect(page.locator(".split-main")).toContainText("bytes that are not text");
    await list.getByRole("link", { name: /04_/ }).click();
    await expect(page.getByRole("article")).toContainText("an ordinary document");
  });

  await test.step("10,000 files and strange names are listed as changes", async () => {
    await page.getByRole("link", { name: "Changes" }).click();
    await expect(page.getByText("many/00001.txt").first()).toBeVisible();
  });

  await test.step("the archive is whole and names what it leaves out", async () => {
    const archive = await page.request.get(`/api/tasks/${task.id}/archive.zip`);
    expect(archive.status()).toBe(200);
    const bytes = await archive.body();
    expect(bytes.includes("ARCHIVE-NOTES")).toBe(true);
    expect(bytes.includes("many/10000.txt")).toBe(true);
  });
});
