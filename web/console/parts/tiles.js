/**
 * The figures of now, large.
 *
 * @module
 */

/** @import {Stats} from "../model.js" */

import { h, say } from "../dom.js";
import { linkTo } from "../router.js";
import { countOf, rateOf } from "../words.js";

export class Tiles {
  #figures = {
    sessions: h("dd", null, "–"),
    connections: h("dd", null, "–"),
    logins: h("dd", null, "–"),
    takeovers: h("dd", null, "–"),
  };

  constructor() {
    const tile = (/** @type {string} */ label, /** @type {string} */ hint, /** @type {Node} */ figure, /** @type {string} */ href) => h("div", { class: "tile" }, h("dt", null, h("a", { href, title: hint }, label)), figure);
    const { sessions, connections, logins, takeovers } = this.#figures;
    this.element = h(
      "dl",
      { class: "tiles" },
      tile("Live sessions", "The exact count, at most 5 s old", sessions, linkTo("sessions")),
      tile("Connections", "On the nodes that are alive", connections, linkTo("nodes")),
      tile("Logins a second", "Over the last 10 s", logins, linkTo("audit", null, { type: "login" })),
      tile("Takeovers a second", "Over the last 10 s", takeovers, linkTo("audit", null, { type: "takeover" })),
    );
  }

  /** @param {Stats} stats */
  show({ sessions, connections, per_s }) {
    say(this.#figures.sessions, countOf(sessions));
    say(this.#figures.connections, countOf(connections));
    say(this.#figures.logins, rateOf(per_s.logins));
    say(this.#figures.takeovers, rateOf(per_s.takeovers));
  }
}
