import assert from "node:assert/strict";
import test from "node:test";

import { open } from "./remind.js";

test("what is done is left out", () => {
  assert.deepEqual(open("x done\nwater the plants\n"), ["water the plants"]);
});

test("an empty list reminds of nothing", () => {
  assert.deepEqual(open("\n\n"), []);
});
