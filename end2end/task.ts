import type { Locator, Page } from "@playwright/test";
import { expect } from "./fixtures.ts";

/** Opens an address and waits until clicks are answered. */
export async function open(page: Page, address: string): Promise<void> {
  await page.goto(address);
  await hydrated(page);
}

/** Waits until the page is live, after it was opened or loaded again. */
export async function hydrated(page: Page): Promise<void> {
  await expect(page.locator("html")).toHaveAttribute("data-hydrated", "", { timeout: 30_000 });
}

/** Time for a phase of a scenario with short documents, on a busy machine. */
export const PHASE_MS = 90_000;

/** The log as a person sees it: the text of each row by its number. */
export type ShownLog = Map<number, string>;

/** No log of these tests is that long. */
const MOST_SCREENS = 200;

/** Stands for a call that has no result yet: how its row looks is not final. */
export const OPEN_CALL = "(no result yet)";

/** A task's page. */
export class TaskPage {
  readonly log: Locator;
  readonly rows: Locator;
  readonly status: Locator;
  /** Says whether the page follows the log's end. */
  readonly pill: Locator;

  constructor(readonly page: Page) {
    this.log = page.getByRole("region", { name: "Log of the agent" });
    this.rows = this.log.locator(".log-row");
    this.status = page.locator(".task-head .pill");
    this.pill = page.locator(".live-pill");
  }

  /** The task's id, from the address. */
  get id(): string {
    const id = /\/tasks\/([0-9a-f-]{36})/.exec(this.page.url())?.[1];
    if (!id) throw new Error(`${this.page.url()} is not the address of a task`);
    return id;
  }

  /** Waits for the gate after a phase, told by the card above the log. */
  async untilReview(phase: string | RegExp, timeout = PHASE_MS): Promise<void> {
    const card = this.page.locator(".attention", { hasText: "Your review is needed" });
    await expect(card).toContainText(phase, { timeout });
  }

  async openReview(): Promise<void> {
    await this.page.getByRole("link", { name: "Open the review" }).click();
    await expect(this.page).toHaveURL(/\/review$/);
  }

  /** Says yes on the review page; the task's page follows. */
  async approve(): Promise<void> {
    await this.page.getByRole("button", { name: "Approve" }).click();
    await expect(this.page).toHaveURL(new RegExp(`/tasks/${this.id}$`));
  }

  /** The number of the last line in the document; follow mode keeps the newest one there. */
  async newestLine(): Promise<number> {
    const numbers = (await this.visible()).map(([number]) => number);
    return Math.max(0, ...numbers);
  }

  /** Reads the whole log by scrolling through it. Every number may be in the document once at most. */
  async readLog(): Promise<ShownLog> {
    const shown: ShownLog = new Map();
    await this.scrollToStart();
    let reached = 0;
    for (let screens = 0; screens < MOST_SCREENS; screens += 1) {
      await expect(this.log.locator(".log-block[data-loading]")).toHaveCount(0);
      // A short log is followed even from its start: its growth has taken the page along.
      if ((await this.log.evaluate((panel) => panel.scrollTop - panel.clientHeight)) > reached) {
        await this.scrollToStart();
        reached = 0;
      }
      const numbers = new Set<number>();
      for (const [number, text] of await this.visible()) {
        expect(numbers.has(number), `line ${number} is in the document twice`).toBe(false);
        numbers.add(number);
        shown.set(number, text);
      }
      const { before, after } = await this.log.evaluate((panel) => {
        const before = panel.scrollTop;
        panel.scrollBy(0, panel.clientHeight);
        return { before, after: panel.scrollTop };
      });
      if (after - before < 2) return shown;
      reached = after;
      await settled(this.page);
    }
    throw new Error(`the log has no end: ${shown.size} rows were read`);
  }

  /** Scrolls to the first line until the page stays there, whatever comes in meanwhile. */
  async scrollToStart(): Promise<void> {
    await expect(async () => {
      await this.log.evaluate((panel) => panel.scrollTo(0, 0));
      await settled(this.page);
      const { top, hidden } = await this.log.evaluate((panel) => ({
        top: panel.scrollTop,
        hidden: panel.scrollHeight - panel.clientHeight,
      }));
      expect(top, "where the log is scrolled to").toBe(0);
      if (hidden > 40) await expect(this.pill).toHaveAttribute("aria-pressed", "false", { timeout: 500 });
    }).toPass({ timeout: 15_000, intervals: [50] });
  }

  private visible(): Promise<[number, string][]> {
    return this.rows.evaluateAll(
      (rows, openCall) =>
        rows.map((row) => {
          const isOpen = row.querySelector(".log-call[data-state=open]") !== null;
          const text = row.querySelector(".log-said")?.textContent?.trim() ?? "";
          return [Number(row.id.slice(1)), isOpen ? openCall : text];
        }),
      OPEN_CALL,
    );
  }
}

/** Asserts that what was shown before is still there as it was. */
export function expectToContain(now: ShownLog, before: ShownLog): void {
  for (const [number, text] of before) {
    if (text === OPEN_CALL) expect(now.has(number), `line ${number}`).toBe(true);
    else expect(now.get(number), `line ${number}`).toBe(text);
  }
}

/** Lets the page do what it does in the next two frames. */
export async function settled(page: Page): Promise<void> {
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
}

/** Fills the form of a new task; which button ends it is left to the test. */
export async function describeTask(page: Page, type: string, description: string): Promise<void> {
  await chooseType(page, type);
  await page.getByLabel("Description").fill(description);
}

/** Chooses a type as a pointer does: by its whole card. */
export async function chooseType(page: Page, type: string): Promise<void> {
  await page.locator("label.type-card", { hasText: type }).click();
  await expect(page.getByRole("radio", { name: type })).toBeChecked();
}
