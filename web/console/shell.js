/**
 * What stands around every page: where one can go, who one is, and whether what is shown still moves.
 *
 * @module
 */

/** @import {State} from "../sdk/model.js" */
/** @import {Place} from "./router.js" */

import { signOut } from "./acts.js";
import { fill, h, icon, say } from "./dom.js";
import { addShortcuts, showHelp } from "./keys.js";
import { hotseat, me } from "./me.js";
import * as audit from "./pages/audit.js";
import * as contested from "./pages/contested.js";
import * as disabled from "./pages/disabled.js";
import * as jobs from "./pages/jobs.js";
import * as nodes from "./pages/nodes.js";
import * as overview from "./pages/overview.js";
import * as sessions from "./pages/sessions.js";
import * as store from "./pages/store.js";
import * as user from "./pages/user.js";
import { brand } from "./parts/brand.js";
import { nothing } from "./parts/states.js";
import { themeButton } from "./parts/themes.js";
import { go, here, linkTo, startRouting } from "./router.js";
import { stream } from "./stream.js";

/** @typedef {{show: (main: HTMLElement, place: Place, signal: AbortSignal) => void}} PageModule */

/** @type {[page: string, label: string, icon: string, key: string, module: PageModule][]} */
const PAGES = [
  ["", "Overview", "overview", "o", overview],
  ["sessions", "Sessions", "sessions", "s", sessions],
  ["audit", "Audit", "audit", "a", audit],
  ["contested", "Contested", "contested", "c", contested],
  ["disabled", "Disabled", "block", "b", disabled],
  ["nodes", "Nodes", "nodes", "n", nodes],
  ["store", "Store", "store", "d", store],
  ["jobs", "Jobs", "jobs", "j", jobs],
];

let life = new AbortController();
let pageLife = new AbortController();
let isRouting = false;
/** @type {HTMLElement | null} */
let main = null;

/** @param {HTMLElement} app */
export function showShell(app) {
  life = new AbortController();
  const { signal } = life;
  main = h("main", { id: "main", tabindex: "-1" });
  const nav = h("nav", { id: "nav", "aria-label": "Pages" }, PAGES.map(([page, label, name]) => h("a", { href: linkTo(page), data: { page } }, icon(name), label)));
  const menu = h("button", { type: "button", class: "bare menu", "aria-expanded": "false", "aria-controls": "side", "aria-label": "Menu" }, icon("menu"));
  const side = h("div", { class: "side", id: "side" }, nav, foot());
  const open = (/** @type {boolean} */ is) => {
    side.classList.toggle("open", is);
    menu.setAttribute("aria-expanded", `${is}`);
  };
  menu.addEventListener("click", () => open(!side.classList.contains("open")));
  side.addEventListener("click", ({ target }) => target instanceof Element && target.closest("a") && open(false));
  const banner = h("p", { class: "banner", role: "status" });
  stream.on({ state: (state) => showCut(banner, state === "cut") }, signal);
  const skip = h("a", { class: "skip", href: "#main", on: { click: () => main?.focus() } }, "Skip to the page");
  fill(app, skip, h("header", { class: "top" }, brand(), menu, side), h("div", { class: "stage" }, banner, main));
  addShortcuts([...PAGES.map(([page, label,, key]) => ({ keys: `g ${key}`, label: `Go to ${label}`, run: () => go(linkTo(page)) })), { keys: "?", label: "This help", run: showHelp }], signal);
  if (isRouting) arrive(here());
  else startRouting(arrive);
  isRouting = true;
  showLine(hotseat.state);
}

export function leaveShell() {
  life.abort();
  pageLife.abort();
  main = null;
}

/** @param {Place} place */
function arrive(place) {
  if (!main) return;
  pageLife.abort();
  pageLife = new AbortController();
  const known = place.page === "users" ? /** @type {const} */ (["users", "User", "", "", user]) : PAGES.find(([page]) => page === place.page);
  for (const link of document.querySelectorAll("nav a")) {
    const current = /** @type {HTMLElement} */ (link).dataset.page === (place.page === "users" ? "sessions" : place.page);
    if (current) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  main.className = `page-${place.page || "overview"}`;
  if (known) known[4].show(main, place, pageLife.signal);
  else fill(main, h("h1", { tabindex: "-1" }, "No such page"), nothing("Nothing is here", "The address may be mistyped.", h("a", { href: linkTo("") }, "Overview")));
  const title = main.querySelector("h1");
  document.title = `${title?.textContent ?? known?.[1]} · Hotseat console`;
  title?.focus({ preventScroll: true });
  scrollTo(0, 0);
}

function foot() {
  const role = me.mayAct ? "administrator" : "auditor, read only";
  const out = h("button", { type: "button", class: "bare", "aria-label": "Sign out", title: "Sign out", on: { click: signOut } }, icon("end"));
  const help = h("button", { type: "button", class: "bare", "aria-label": "Keyboard", title: "Keyboard (?)", on: { click: showHelp } }, icon("help"));
  return h(
    "div",
    { class: "foot" },
    h("p", { class: "line", id: "line" }),
    h("div", { class: "self" }, h("p", null, h("b", null, me.name), h("span", { class: "quiet" }, role)), themeButton(), help, out),
  );
}

/**
 * Whether the administrator's own session is connected: only then is a takeover told at once.
 * @param {State} state
 */
export function showLine(state) {
  const line = document.getElementById("line");
  if (!line) return;
  line.dataset.state = state;
  say(line, state === "live" ? "Live" : "Connecting");
}

/**
 * @param {HTMLElement} banner
 * @param {boolean} isCut
 */
function showCut(banner, isCut) {
  banner.classList.toggle("shown", isCut);
  say(banner, isCut ? "Reconnecting. What is shown may be out of date until then." : "");
}
