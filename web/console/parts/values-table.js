/**
 * The values of a plot for whoever reads rather than looks: a dozen moments, each with all lines.
 *
 * @module
 */

/** @import {Data} from "./chart.js" */

import { h } from "../dom.js";
import { minuteOf } from "../time.js";
import { row, table } from "./table.js";

const MOMENTS = 12;

/**
 * @param {string} title
 * @param {Data} data
 * @param {(value: number) => string} format
 */
export function valuesTable(title, { grid: { times }, lines }, format) {
  const columns = [{ label: "Time" }, ...lines.map(({ name }) => ({ label: name, kind: "number" }))];
  const { element, body } = table(title, columns);
  const step = Math.max(1, Math.floor((times.length - 1) / MOMENTS));
  for (let at = times.length - 1; at >= 0; at -= step) {
    const values = lines.map(({ values }) => values[at]);
    body.append(row(columns, [h("span", null, minuteOf(times[at])), ...values.map((value) => (value === null ? "–" : format(value)))]));
  }
  return element;
}
