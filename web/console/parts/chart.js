/**
 * A plot: lines over time, with the values under the pointer or the arrow keys, and the same in a table.
 *
 * @module
 */

/** @import {Grid, Line} from "./series.js" */

import { h, svg } from "../dom.js";
import { clockOf, minuteOf } from "../time.js";
import { areaOf, pathOf, ticksUpTo, timesWithin } from "./scale.js";
import { roundOf, summaryOf } from "./summary.js";
import { valuesTable } from "./values-table.js";

const HEIGHT = 168;
const TOP = 8;
const LEFT = 52;
const RIGHT = 8;
const BOTTOM = 22;
const MIN_WIDTH = 220;
/** Half of a time below the plot: so near to the edge it stands whole. */
const HALF_LABEL = 16;

/** @typedef {{grid: Grid, lines: Line[]}} Data */

export class Chart {
  #title;
  #format;
  /** @type {Data | null} */
  #data = null;
  #at = -1;
  #plot = svg("svg", { class: "plot", role: "img", tabindex: "0" });
  #tip = h("div", { class: "tip", "aria-live": "polite", hidden: true });
  #legend = h("ul", { class: "legend" });
  #table = h("div");

  /**
   * @param {string} title
   * @param {(value: number) => string} format
   * @param {AbortSignal} signal when it goes
   */
  constructor(title, format, signal) {
    this.#title = title;
    this.#format = format;
    const stage = h("div", { class: "plot-stage" }, this.#plot, this.#tip);
    const details = h("details", null, h("summary", null, "As a table"), this.#table);
    this.element = h("section", { class: "panel chart", "aria-label": title }, h("div", { class: "chart-head" }, h("h2", null, title), this.#legend), stage, details);
    details.addEventListener("toggle", () => this.#fillTable(details.open));
    const resized = new ResizeObserver(() => this.#draw());
    resized.observe(stage);
    signal.addEventListener("abort", () => resized.disconnect());
    this.#plot.addEventListener("pointermove", (event) => this.#pointAt(/** @type {PointerEvent} */ (event).offsetX));
    for (const gone of ["pointerleave", "blur"]) this.#plot.addEventListener(gone, () => this.#mark(-1));
    this.#plot.addEventListener("keydown", (event) => this.#step(/** @type {KeyboardEvent} */ (event)));
  }

  /** @param {Data} data */
  show(data) {
    this.#data = data;
    const lines = data.lines.map(({ name, values }, at) => {
      const last = values.findLast((value) => value !== null);
      return h("li", { class: `series-${at + 1}` }, name, ...(last === undefined || last === null ? [] : [" ", h("b", null, this.#format(last))]));
    });
    this.#legend.replaceChildren(...lines);
    this.#plot.setAttribute("aria-label", `${this.#title}. ${summaryOf(data, this.#format)} Arrow keys read the values.`);
    this.#draw();
    this.#fillTable(this.element.querySelector("details")?.open ?? false);
  }

  get #width() {
    return Math.max(MIN_WIDTH, this.#plot.parentElement?.clientWidth ?? 0);
  }

  #x(/** @type {number} */ at) {
    return LEFT + (at / ((this.#data?.grid.times.length ?? 2) - 1)) * (this.#width - LEFT - RIGHT);
  }

  #draw() {
    if (!this.#data) return;
    const { grid: { times }, lines } = this.#data;
    const width = this.#width;
    const known = lines.flatMap(({ values }) => values).filter((value) => value !== null);
    const isEmpty = known.length === 0;
    const ticks = isEmpty ? [0] : ticksUpTo(Math.max(0, ...known), 3);
    const top = ticks[ticks.length - 1] || 1;
    const y = (/** @type {number} */ value) => HEIGHT - BOTTOM - (value / top) * (HEIGHT - TOP - BOTTOM);
    const x = (/** @type {number} */ at) => this.#x(at);
    const [first, last] = [times[0], times[times.length - 1]];
    const atTime = (/** @type {number} */ time) => LEFT + ((time - first) / (last - first)) * (width - LEFT - RIGHT);
    const rules = ticks.map((tick) => svg("g", { class: "rule" }, svg("path", { d: `M${LEFT} ${y(tick)}H${width - RIGHT}` }), svg("text", { x: LEFT - 8, y: y(tick) + 4, "text-anchor": "end" }, isEmpty ? "" : roundOf(this.#format(tick)))));
    const labels = timesWithin(first, last, width / 90).map((time) => svg("text", { x: Math.min(atTime(time), width - HALF_LABEL), y: HEIGHT - 4, "text-anchor": "middle" }, minuteOf(time)));
    // More than one area would hide the others.
    const areas = lines.length === 1 ? [svg("path", { class: "area-of series-1", d: areaOf(lines[0].values, x, y) })] : [];
    const drawn = lines.map(({ values }, at) => svg("path", { class: `line-of series-${at + 1}`, d: pathOf(values, x, y) }));
    const empty = isEmpty && svg("text", { class: "none", x: (width + LEFT) / 2, y: HEIGHT / 2 - 8, "text-anchor": "middle" }, "Nothing measured yet");
    this.#plot.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    this.#plot.setAttribute("width", `${width}`);
    this.#plot.setAttribute("height", `${HEIGHT}`);
    this.#plot.replaceChildren(...rules, ...labels, ...areas, ...drawn, svg("path", { class: "crosshair" }), ...(empty ? [empty] : []));
    this.#mark(this.#at);
  }

  #pointAt(/** @type {number} */ offset) {
    const last = (this.#data?.grid.times.length ?? 1) - 1;
    const at = Math.round(((offset - LEFT) / (this.#width - LEFT - RIGHT)) * last);
    this.#mark(Math.min(last, Math.max(0, at)));
  }

  #step(/** @type {KeyboardEvent} */ event) {
    const last = (this.#data?.grid.times.length ?? 1) - 1;
    const from = this.#at === -1 ? last + 1 : this.#at;
    const to = { ArrowLeft: from - 1, ArrowRight: Math.min(last, from + 1), Home: 0, End: last, PageUp: from - 30, PageDown: Math.min(last, from + 30) }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.#mark(Math.max(0, to));
  }

  /** @param {number} at shows the values of that moment; -1: of none */
  #mark(at) {
    this.#at = at;
    const crosshair = this.#plot.querySelector(".crosshair");
    this.#tip.hidden = at === -1 || !this.#data;
    crosshair?.setAttribute("d", at === -1 ? "" : `M${this.#x(at)} ${TOP}V${HEIGHT - BOTTOM}`);
    if (at === -1 || !this.#data) return;
    const { grid, lines } = this.#data;
    const rows = lines.map(({ name, values }, line) => h("p", { class: `series-${line + 1}` }, name, " ", h("b", null, values[at] === null ? "–" : this.#format(values[at]))));
    this.#tip.replaceChildren(h("p", { class: "quiet" }, clockOf(grid.times[at])), ...rows);
    const right = this.#x(at) > this.#width / 2;
    this.#tip.style.setProperty("left", right ? "auto" : `${this.#x(at) + 12}px`);
    this.#tip.style.setProperty("right", right ? `${this.#width - this.#x(at) + 12}px` : "auto");
  }

  #fillTable(/** @type {boolean} */ isOpen) {
    this.#table.replaceChildren(...(isOpen && this.#data ? [valuesTable(this.#title, this.#data, this.#format)] : []));
  }
}
