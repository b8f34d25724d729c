import assert from "node:assert/strict";
import test from "node:test";

import { addHabit, emptyRecord } from "../src/habits.js";
import { exportText, importText, load, save } from "../src/storage.js";

function memory(start = {}) {
  const items = new Map(Object.entries(start));
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => items.set(key, value),
  };
}

test("what is saved is loaded again", () => {
  const storage = memory();
  const record = addHabit(emptyRecord(), "Read", [0], "2026-07-04");
  assert.equal(save(storage, record), true);
  assert.deepEqual(load(storage), { record, damaged: false });
});

test("an export can be imported", () => {
  const record = addHabit(emptyRecord(), "Read", [], "2026-07-04");
  assert.deepEqual(importText(exportText(record)), record);
});

test("foreign and damaged files are refused", () => {
  for (const text of ["", "{}", "[1]", '{"format":"tiny-steps","version":1,"habits":[{}]}']) {
    assert.throws(() => importText(text), { code: "not-a-record" });
  }
});

test("a damaged record is kept aside", () => {
  const storage = memory({ "tiny-steps": "{broken" });
  assert.equal(load(storage).damaged, true);
  assert.equal(storage.getItem("tiny-steps-damaged"), "{broken");
});
