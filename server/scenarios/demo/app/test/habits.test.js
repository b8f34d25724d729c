import assert from "node:assert/strict";
import test from "node:test";

import { addDays, addHabit, emptyRecord, removeHabit, streak, strip, toggleDay } from "../src/habits.js";

const TODAY = "2026-07-04"; // a Saturday

function habit({ done = [], rest = [], since = "2026-06-01" }) {
  return { id: "stretch", name: "Stretch", rest, since, done };
}

test("days in a row are counted, and today may still be open", () => {
  assert.equal(streak(habit({ done: ["2026-07-02", "2026-07-03"] }), TODAY), 2);
});

test("a missed day breaks the streak", () => {
  assert.equal(streak(habit({ done: ["2026-07-02", TODAY] }), TODAY), 1);
});

test("a rest day neither counts nor breaks", () => {
  assert.equal(streak(habit({ done: ["2026-07-02", TODAY], rest: [5] }), TODAY), 2);
});

test("without a mark there is no streak", () => {
  assert.equal(streak(habit({}), TODAY), 0);
});

test("today and yesterday can be toggled, older days cannot", () => {
  const record = addHabit(emptyRecord(), "Stretch", [], TODAY);
  const marked = toggleDay(record, "stretch", "2026-07-03", TODAY);
  assert.deepEqual(marked.habits[0].done, ["2026-07-03"]);
  assert.deepEqual(toggleDay(marked, "stretch", "2026-07-03", TODAY).habits[0].done, []);
  assert.throws(() => toggleDay(record, "stretch", "2026-07-01", TODAY), { code: "day-closed" });
});

test("names are checked", () => {
  const record = addHabit(emptyRecord(), "Stretch", [], TODAY);
  assert.throws(() => addHabit(record, "  ", [], TODAY), { code: "name-empty" });
  assert.throws(() => addHabit(record, "stretch", [], TODAY), { code: "name-taken" });
  assert.throws(() => addHabit(record, "x".repeat(61), [], TODAY), { code: "name-long" });
  assert.equal(removeHabit(record, "stretch").habits.length, 0);
});

test("the strip ends today and begins with the habit", () => {
  const states = strip(habit({ done: ["2026-07-03"], since: "2026-07-02" }), TODAY, 4);
  assert.deepEqual(states.map(({ state }) => state), ["before", "missed", "done", "open"]);
  assert.equal(addDays("2026-02-28", 1), "2026-03-01");
});
