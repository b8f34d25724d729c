import { expect, test } from "../fixtures.ts";
import { TaskPage, hydrated, settled } from "../task.ts";

const BEGINNING = "This is the scripted demo model.";
const END = "This is the last sentence of the slow text.";

test("a text is read while it is written, and is there once when it is finished", async ({ page, request }) => {
  await page.setViewportSize({ width: 1000, height: 560 });
  const created = await request.post("/api/tasks", {
    data: { title: "A slow text", type: "custom", description: "Write.\n\nscenario: slow_text", start: true },
  });
  const { id } = (await created.json()) as { id: string };
  await page.goto(`/tasks/${id}`);
  await hydrated(page);
  const task = new TaskPage(page);
  const growing = task.log.locator(".log-writing");
  const texts = task.log.locator(".log-row[data-kind=text]");
  const length = async () => (await growing.innerText()).length;
  const grows = async () => {
    const before = await length();
    await expect.poll(length).toBeGreaterThan(before);
  };

  await test.step("it grows before there is a line of it", async () => {
    await expect(growing).toContainText(BEGINNING, { timeout: 30_000 });
    await grows();
    await grows();
    await expect(texts).toHaveCount(0);
    // Readers of a screen are not told word by word.
    expect(await growing.evaluate((row) => row.closest("[aria-live], [role=status], [role=log]"))).toBeNull();
  });

  await test.step("a page that is opened in the middle has its beginning", async () => {
    await page.reload();
    await expect(growing).toContainText(BEGINNING);
    await grows();
    await expect(texts).toHaveCount(0);
  });

  await test.step("another tab of the task and back again has it too", async () => {
    await page.getByRole("link", { name: "History" }).click();
    await expect(page.locator(".history-list")).toBeVisible();
    await page.getByRole("link", { name: "Activity" }).click();
    await expect(growing).toContainText(BEGINNING);
  });

  const place = () => task.log.evaluate((panel) => panel.scrollTop);
  const below = () => task.log.evaluate((panel) => panel.scrollHeight - panel.clientHeight - panel.scrollTop);

  await test.step("the page follows its end, unless the reader has scrolled up", async () => {
    await expect.poll(place, { timeout: 20_000 }).toBeGreaterThan(100);
    await expect.poll(below).toBeLessThan(2);
    await task.log.hover();
    await page.mouse.wheel(0, -80);
    await expect(task.pill).toHaveAttribute("aria-pressed", "false");
    await settled(page);
    const before = await place();
    await grows();
    await grows();
    expect(await place()).toBe(before);
    await expect(task.pill).toHaveText("To the end");
    await task.pill.click();
    await expect.poll(below).toBeLessThan(2);
  });

  await test.step("the finished text takes its place, in no frame beside it and in none without it", async () => {
    const counts = task.log.evaluate(
      (panel) =>
        new Promise<number[]>((done) => {
          const counts = new Set<number>();
          const look = () => {
            counts.add(panel.querySelectorAll(".log-writing, .log-row[data-kind=text]").length);
            if (panel.querySelector(".log-row[data-kind=text]")) done([...counts]);
            else requestAnimationFrame(look);
          };
          look();
        }),
    );
    expect(await counts).toEqual([1]);
    await expect(texts).toHaveCount(1);
    await expect(growing).toHaveCount(0);
    await expect(texts).toContainText(END);
    await expect.poll(below).toBeLessThan(2);
  });

  await test.step("and is there once after the page was loaded again", async () => {
    await expect(task.status).toHaveText("Completed", { timeout: 30_000 });
    await page.reload();
    await hydrated(page);
    await settled(page);
    await expect(growing).toHaveCount(0);
    await expect(task.log.getByText(BEGINNING)).toHaveCount(1);
    await expect(task.log.getByText(END)).toHaveCount(1);
  });
});
