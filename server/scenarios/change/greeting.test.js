import assert from "node:assert/strict";
import test from "node:test";

import { greeting } from "../src/greeting.js";

test("a person is greeted by name", () => {
  assert.equal(greeting("Ada"), "Hello, Ada!");
});

test("a person is greeted in German", () => {
  assert.equal(greeting("Ada", "de"), "Hallo, Ada!");
});

test("a language that isn't known is refused", () => {
  assert.throws(() => greeting("Ada", "xx"), RangeError);
});
