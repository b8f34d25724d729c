import { expect, test } from "../fixtures.ts";

const themes = [
  { button: "Dark colours", attribute: "dark" },
  { button: "Light colours", attribute: "light" },
];

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "with script" : "without script", () => {
    test.use({ javaScriptEnabled });

    test("the theme is kept and is in the page before anything is painted", async ({ page, request }) => {
      await page.goto("/");
      expect(await (await request.get("/")).text()).not.toMatch(/<html[^>]*data-theme/);
      for (const { button, attribute } of themes) {
        // The page has changed before the server knows.
        const kept = page.waitForResponse(/\/sfn\/theme$/);
        await page.getByRole("button", { name: button }).click();
        await kept;
        await expect(page.locator("html")).toHaveAttribute("data-theme", attribute);
        const response = await page.goto("/tasks/new");
        expect(await response?.text()).toMatch(new RegExp(`<html[^>]*data-theme="${attribute}"`));
        await expect(page.locator("html")).toHaveAttribute("data-theme", attribute);
      }
      await page.getByRole("button", { name: "Colours of the system" }).click();
      await expect(page.locator("html:not([data-theme])")).toHaveCount(1);
      const response = await page.goto("/");
      expect(await response?.text()).not.toMatch(/<html[^>]*data-theme/);
    });
  });
}
