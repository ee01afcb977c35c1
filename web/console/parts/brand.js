/**
 * The mark: a chair that is also an h.
 *
 * @module
 */

import { h, svg } from "../dom.js";

export function brand() {
  const frame = svg("path", { class: "mark-frame", d: "M10 4v24M22 19.5V28" });
  const cushion = svg("path", { class: "mark-cushion", d: "M11.5 17h9.5" });
  return h("p", { class: "brand" }, svg("svg", { class: "mark", viewBox: "0 0 32 32", "aria-hidden": "true" }, frame, cushion), "Hotseat", h("span", null, "console"));
}
