import { expect, test } from "../fixtures.ts";
import { taskWithLog } from "../log.ts";
import { TaskPage, hydrated, settled } from "../task.ts";

const LINES = 3000;

test("a reader keeps the place, whatever happens around it", async ({ page, request, server }) => {
  const id = await taskWithLog(request, server, "A log to read", LINES);

  await page.goto(`/tasks/${id}`);
  await hydrated(page);
  const task = new TaskPage(page);

  /** The first line that is visible, and how far below the panel's top it begins. */
  const place = () =>
    task.log.evaluate((panel) => {
      const edge = panel.getBoundingClientRect().top;
      const row = [...panel.querySelectorAll(".log-row")].find((row) => row.getBoundingClientRect().bottom > edge + 1);
      return { line: row?.id, below: Math.round((row?.getBoundingClientRect().top ?? 0) - edge) };
    });

  await test.step("new lines don't take along a reader who has scrolled up", async () => {
    await task.log.hover();
    await page.mouse.wheel(0, -400);
    await expect(task.pill).toHaveAttribute("aria-pressed", "false");
    await settled(page);
    const before = await place();
    await page.getByRole("textbox", { name: "Message to the agent" }).fill("Once more.");
    await page.getByRole("button", { name: "Send" }).click();
    await expect(task.pill).toContainText("new", { timeout: 60_000 });
    await settled(page);
    expect(await place()).toEqual(before);
  });

  await test.step("a window of another size shows the same line", async () => {
    await task.log.evaluate((panel) => panel.scrollTo(0, panel.scrollHeight / 2));
    await expect(task.log.locator(".log-block[data-loading]")).toHaveCount(0);
    await settled(page);
    const { line } = await place();
    for (const size of [
      { width: 1280, height: 600 },
      { width: 700, height: 600 },
      { width: 1280, height: 720 },
    ]) {
      await page.setViewportSize(size);
      await settled(page);
      await expect.poll(async () => (await place()).line, { message: `at ${size.width} px` }).toBe(line);
    }
  });

  await test.step("a search under way bothers nobody who has left", async () => {
    let go = (): void => undefined;
    const held = new Promise<void>((done) => (go = done));
    await page.route("**/logs/matches?*", async (route) => {
      await held;
      await route.continue();
    });
    const search = page.getByRole("searchbox", { name: "Search the log" });
    await search.fill("this is line");
    await search.press("Enter");
    await expect(page.locator(".log-search-place")).toHaveText("Searching…");
    await page.getByRole("link", { name: "History" }).click();
    await expect(page.locator(".history-list")).toBeVisible();
    const answered = page.waitForResponse("**/logs/matches?*");
    go();
    await (await answered).finished();
    await settled(page);
    await page.getByRole("link", { name: "Activity" }).click();
    await expect(task.pill).toHaveAttribute("aria-pressed", "true");
    await page.unroute("**/logs/matches?*");
  });
});
