import type { Locator, Page } from "@playwright/test";
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "../fixtures.ts";
import { PHASE_MS, TaskPage, chooseType, describeTask, open } from "../task.ts";

const SAMPLE = join(import.meta.dirname, "../../server/scenarios/change/repository");

/** By its exact label: the card of the type speaks of a repository too. */
const repositoryField = (page: Page): Locator => page.getByLabel("Repository", { exact: true });

test.describe("with a repository", () => {
  const folder = mkdtempSync(join(tmpdir(), "ccs-sources-"));
  const repository = join(folder, "greeter");
  const git = (...words: string[]): string =>
    execFileSync("git", ["-c", "user.name=A", "-c", "user.email=a@example.invalid", ...words], { cwd: repository, encoding: "utf8" }).trim();

  // A field that is refused is reported by the browser as an error.
  test.use({ allowedComplaints: [/status of 422/], serverOptions: { arguments: ["serve"], settings: { CCS_ALLOWED_ROOTS: folder } } });

  test.beforeAll(() => {
    cpSync(SAMPLE, repository, { recursive: true });
    renameSync(join(repository, "gitignore"), join(repository, ".gitignore"));
    git("init", "--quiet", "--initial-branch=main");
    git("add", "--all");
    git("commit", "--quiet", "--message", "The greeter");
  });

  test.afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("a change goes from its repository to a branch that is fetched", async ({ page }) => {
    test.setTimeout(5 * PHASE_MS);
    await open(page, "/tasks/new");
    await chooseType(page, "Free prompt");
    await expect(repositoryField(page)).toBeHidden();
    await describeTask(page, "Change to an application", "# A second language\n\nGreet in German too.");
    await repositoryField(page).fill("/etc");
    await page.getByRole("button", { name: "Create and start" }).click();
    await expect(page.locator("#repository-fault")).toContainText("CCS_ALLOWED_ROOTS");
    await repositoryField(page).fill(repository);
    await page.getByRole("button", { name: "Create and start" }).click();
    const task = new TaskPage(page);
    for (const phase of ["Analysis", "Planning", "Implementation", "Testing"]) {
      await task.untilReview(phase);
      await task.openReview();
      await task.approve();
    }
    await expect(task.status).toHaveText("Completed", { timeout: PHASE_MS });
    await page.getByRole("link", { name: "Changes" }).click();
    const command = page.locator(".take-along code", { hasText: "git fetch" });
    execFileSync("sh", ["-c", (await command.textContent()) ?? ""], { cwd: repository });
    const branch = (await page.locator(".take-along code").first().textContent()) ?? "";
    expect(git("show", `${branch}:src/greeting.js`)).toContain("Hallo");
    const download = page.waitForEvent("download");
    await page.getByRole("link", { name: "Download all changes as a patch" }).click();
    git("apply", "--check", await (await download).path());
  });
});

test("an automation goes through its gates to its log", async ({ page }) => {
  test.setTimeout(5 * PHASE_MS);
  await open(page, "/tasks/new");
  await describeTask(page, "Automation", "# A reminder\n\nTell us every Monday what is open.");
  await page.getByRole("button", { name: "Create and start" }).click();
  const task = new TaskPage(page);
  for (const phase of ["Planning", "Design", "Development", "Testing"]) {
    await task.untilReview(phase);
    await task.openReview();
    await task.approve();
  }
  await expect(task.status).toHaveText("Completed", { timeout: PHASE_MS });
});
