import assert from "node:assert/strict";
import test from "node:test";

import { greeting } from "../src/greeting.js";

test("a person is greeted by name", () => {
  assert.equal(greeting("Ada"), "Hello, Ada!");
});
