/**
 * Whom a list of sessions does not have: signed out, disabled or unknown, they have a page all the same.
 *
 * @module
 */

/** @import {Query} from "../api.js" */

import { h, icon } from "../dom.js";
import { linkTo } from "../router.js";
import { nothing } from "./states.js";

/**
 * What stands instead of a list in which nobody is.
 * @param {Query} filter
 */
export function nobody({ q, node, class: kind }) {
  if (!q && !node && !kind) return nothing("Nobody is signed in", "Sessions appear here as soon as somebody signs in.");
  if (!q) return nothing("No session matches", "Nobody is signed in who fits the filters.");
  const fitting = node || kind ? " and who fits the filters" : "";
  return nothing("No session matches", `Nobody is signed in whose id begins with “${q}”${fitting}.`, pageOf(`${q}`));
}

/**
 * What stands below a list that has others, but not the one whose whole id was looked for.
 * @param {string} user
 */
export function notAmong(user) {
  return h("div", { class: "nothing" }, h("p", null, `“${user}” itself is not signed in.`), pageOf(user));
}

/** @param {string} user */
function pageOf(user) {
  return h("p", null, h("a", { href: linkTo("users", user), class: "button" }, icon("user"), `Open the page of ${user}`));
}
