import { expect, test } from "../fixtures.ts";

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "with script" : "without script", () => {
    test.use({ javaScriptEnabled });

    test("a person reads the guides from the rail on", async ({ page }) => {
      await page.goto("/");
      const rail = page.getByRole("navigation", { name: "Main" });
      await rail.getByRole("link", { name: "Guides" }).click();
      await expect(page.getByRole("heading", { level: 1 })).toHaveText("Guides");
      await expect(page.locator(".guide-link")).toHaveCount(24);
      await expect(page.getByRole("heading", { level: 2 })).toHaveText([
        "Planning",
        "Design",
        "Development",
        "Verification",
        "Review",
      ]);
      await page.getByRole("link", { name: "Idea", exact: true }).click();
      await expect(page.getByRole("heading", { level: 1 })).toHaveText("Idea");
      await expect(page.getByRole("article").getByRole("heading", { name: "Checklist" })).toBeVisible();
      await page.getByRole("link", { name: /^Next: / }).click();
      await expect(page).toHaveURL(/\/guides\/planning\/02_market$/);
      await expect(page.getByRole("heading", { level: 1 })).not.toHaveText("Idea");
    });
  });
}
