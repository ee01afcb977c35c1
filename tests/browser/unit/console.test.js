/** What the console reckons: lines of nodes on one grid, round numbers, times and figures in words, what a filter wants. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { areaOf, pathOf, ticksUpTo, timesWithin } from "../../../web/console/parts/scale.js";
import { byNode, gridOf, merged, middle, most, sum, valuesOf } from "../../../web/console/parts/series.js";
import { isWanted } from "../../../web/console/parts/wanted.js";
import { agoOf, durationOf } from "../../../web/console/time.js";
import { actorOf, bytesOf, latencyOf, rateOf, shortOf } from "../../../web/console/words.js";

const NOW = Date.parse("2026-11-21T14:00:03Z");
const at = (secondsAgo) => new Date(NOW - secondsAgo * 1000).toISOString();
const sample = (secondsAgo, connections) => ({ t: at(secondsAgo), connections, takeover_p99_us: null });
const node = (name, recent, alive = true) => ({ node: `${name}0000000`, name, alive, recent, coarse: [] });

test("a grid ends with the step that has begun, and holds the whole span", () => {
  const { times, stepMs } = gridOf("1h", NOW);
  assert.deepEqual([times.length, times.at(-1) - times[0], NOW - times.at(-1)], [361, 3_600_000, 3000]);
  assert.equal(stepMs, 10_000);
});

test("a late sample is carried on, and a node that went leaves a gap", () => {
  const grid = { stepMs: 10_000, times: [60, 50, 40, 30, 20, 10, 0].map((ago) => NOW - ago * 1000) };
  const samples = [sample(58, 3), sample(39, 5)];
  assert.deepEqual(valuesOf(samples, "connections", grid), [3, 3, 5, 5, 5, null, null]);
  assert.deepEqual(valuesOf([], "connections", grid), grid.times.map(() => null));
});

test("nodes that sample at moments of their own are summed on one grid", () => {
  const grid = { stepMs: 10_000, times: [NOW - 20_000, NOW - 10_000, NOW] };
  const nodes = [node("a", [sample(18, 10), sample(8, 11)]), node("b", [sample(13, 100), sample(4, 200)])];
  assert.deepEqual(merged(nodes, "1h", grid, "connections", "All", sum).values, [110, 211, 211]);
  assert.deepEqual(merged(nodes, "1h", grid, "takeover_p99_us", "p99", most).values, [null, null, null]);
});

test("no more nodes are drawn than colours can tell apart, the busiest first", () => {
  const nodes = Array.from({ length: 9 }, (_, count) => node(`n${count}`, [sample(1, count)]));
  const gone = node("gone", [sample(1, 1000)], false);
  const lines = byNode([gone, ...nodes], "1h", gridOf("1h", NOW), "connections");
  assert.deepEqual(lines.map(({ name }) => name.slice(0, 2)), ["n8", "n7", "n6", "n5", "n4", "n3"]);
});

test("the middle of an even count is the lower one, a value that was measured", () => {
  assert.deepEqual([middle([3, 1, 2]), middle([4, 1])], [2, 1]);
});

test("ticks are round, begin at nothing and reach the highest value", () => {
  assert.deepEqual(ticksUpTo(0, 3), [0, 1]);
  assert.deepEqual(ticksUpTo(8, 3), [0, 5, 10]);
  assert.deepEqual(ticksUpTo(0.7, 3), [0, 0.25, 0.5, 0.75]);
  for (const max of [1e-3, 0.3, 1, 7, 99, 12_345, 1e9]) {
    const ticks = ticksUpTo(max, 3);
    assert.ok(ticks.at(-1) >= max && ticks.length <= 5, `${max}: ${ticks}`);
  }
});

test("times beside a plot are full and few", () => {
  const times = timesWithin(NOW - 3_600_000, NOW, 5);
  assert.ok(times.length <= 5 && times.length >= 2);
  for (const time of times) assert.equal(time % (15 * 60_000), 0);
});

test("a line breaks where nothing is known, and a lone value is a dot", () => {
  const x = (at) => at * 10;
  const y = (value) => value;
  assert.equal(pathOf([1, 2, null, 3, null, 4, 5], x, y), "M0.0 1.0L10.0 2.0M30.0 3.0h0.01M50.0 4.0L60.0 5.0");
  assert.equal(pathOf([null], x, y), "");
});

test("an area ends where the line breaks", () => {
  const x = (at) => at * 10;
  const y = (value) => 100 - value;
  assert.equal(areaOf([1, 2, null, 3], x, y), "M0.0 100.0L0.0 99.0L10.0 98.0V100.0ZM30.0 100.0L30.0 97.0V100.0Z");
  assert.equal(areaOf([null, null], x, y), "");
});

test("times are told in their largest unit, the future too", () => {
  for (const [seconds, text] of [[0.4, "0 s"], [59, "59 s"], [60, "1 min"], [7199, "1 h"], [90_000, "1 d"]]) assert.equal(durationOf(seconds), text);
  assert.equal(durationOf(90_061, { units: 2 }), "1 d 1 h");
  for (const [ago, text] of [[1, "just now"], [75, "1 min ago"], [-7, "in 7 s"]]) assert.equal(agoOf(at(ago), NOW), text);
});

test("figures are short where there is little room", () => {
  assert.deepEqual([rateOf(0), rateOf(0.04), rateOf(1.25), rateOf(42.4), rateOf(4321)], ["0", "0.04", "1.3", "42", "4,321"]);
  assert.deepEqual([latencyOf(0), latencyOf(420), latencyOf(1500), latencyOf(12_345), latencyOf(2_500_000)], ["0", "420 µs", "1.50 ms", "12.3 ms", "2.5 s"]);
  assert.deepEqual([bytesOf(0), bytesOf(900), bytesOf(1536), bytesOf(812_345_678)], ["0 B", "900 B", "1.5 KiB", "775 MiB"]);
  assert.deepEqual([shortOf(9999), shortOf(128_000)], ["9,999", "128k"]);
  assert.deepEqual([actorOf("user:ann"), actorOf("key:desk"), actorOf("x")], ["ann", "API key desk", "x"]);
});

test("an event that arrives is held against the same filter as those that are read", () => {
  const takeover = { type: "login", user: "ann", reason: null, ended: [{ session: "1", reason: "takeover" }] };
  // The word for a disabling is that of the act; whom it put out stands in events of their own.
  const disabled = { type: "disabled", user: "bob", reason: null, ended: [] };
  const putOut = { type: "ended", user: "bob", reason: "disabled", ended: [] };
  const kicked = { type: "ended", user: "bob", reason: "kicked", ended: [] };
  for (const [event, filter, wanted] of [
    [takeover, { user: "", type: "" }, true],
    [takeover, { user: "ann", type: "takeover" }, true],
    [takeover, { user: "an", type: "" }, false],
    [takeover, { user: "", type: "kicked,failed" }, false],
    [kicked, { user: "", type: "kicked,failed" }, true],
    [kicked, { user: "", type: "ended" }, true],
    [kicked, { user: "", type: "disabled" }, false],
    [disabled, { user: "", type: "disabled" }, true],
    [putOut, { user: "", type: "disabled" }, false],
    [putOut, { user: "", type: "ended" }, true],
  ]) assert.equal(isWanted(event, filter), wanted, JSON.stringify(filter));
});
