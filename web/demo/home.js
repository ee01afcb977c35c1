/**
 * The signed-in page: this session, and the user's others as they come and go.
 *
 * @module
 */

/** @import {Hotseat} from "../sdk/hotseat.js" */
/** @import {Session} from "../sdk/model.js" */

import { HotseatError } from "../sdk/hotseat.js";
import { announce, copyOf, say, show, showFacts, slot } from "./view.js";
import { labelOf, momentOf, nameOf, placeOf, sentenceFor } from "./words.js";

const REFRESH_MS = 4_000;
/** Asking counts as using the session, so a page that nobody looks at or touches stops asking. */
const ATTENTION_MS = 120_000;

let usedAt = 0;
for (const input of ["pointerdown", "pointermove", "keydown", "focus"]) {
  addEventListener(input, () => (usedAt = Date.now()), { passive: true, capture: true });
}

/** @param {Hotseat} hotseat */
export function showHome(hotseat) {
  const view = show("home");
  const refresh = () => refreshSessions(view, hotseat);
  usedAt = Date.now();

  slot(view, "user").textContent = hotseat.username;
  if (hotseat.session) showOwn(view, hotseat.session);
  const attempt = (/** @type {() => Promise<void>} */ act) => tryTo(view, act);
  slot(view, "logout").addEventListener("click", () => attempt(() => hotseat.logout()));
  slot(view, "end-others").addEventListener("click", () => attempt(async () => {
    await hotseat.endOthers();
    announce("All other devices are signed out.");
    await refresh();
  }));
  slot(view, "seats").addEventListener("click", ({ target }) => {
    const row = target instanceof HTMLButtonElement ? target.closest("li") : null;
    if (row) attempt(() => endOne(view, hotseat, row, refresh));
  });

  const timer = setInterval(() => {
    if (!view.isConnected) clearInterval(timer);
    else if (document.visibilityState === "visible" && Date.now() - usedAt < ATTENTION_MS) refresh();
  }, REFRESH_MS);
  refresh();
}

/** @param {boolean} connected */
export function showConnected(connected) {
  const caution = /** @type {HTMLElement | null} */ (document.querySelector('[data-slot="caution"]'));
  if (caution) caution.hidden = connected;
}

/**
 * @param {HTMLElement} view
 * @param {Session} own
 */
function showOwn(view, own) {
  showFacts(slot(view, "facts"), [
    ["Device", labelOf(own.device)],
    ["Address", own.ip],
    ["Signed in", momentOf(own.created_at)],
    ["Last seen", momentOf(own.last_seen_at)],
    ["Valid until", momentOf(own.expires_at)],
  ]);
}

/**
 * A refresh that fails leaves what is shown: the state of the connection is told elsewhere.
 * @param {HTMLElement} view
 * @param {Hotseat} hotseat
 */
async function refreshSessions(view, hotseat) {
  const sessions = await hotseat.sessions().catch(() => null);
  if (!sessions || !view.isConnected) return;
  const ownId = hotseat.session?.id;
  const own = sessions.find(({ id }) => id === ownId);
  if (own) showOwn(view, own);
  showOthers(view, sessions.filter(({ id }) => id !== ownId));
}

/**
 * Rows stay the same elements as long as their sessions live, so that focus and pointer keep their place.
 * @param {HTMLElement} view
 * @param {Session[]} others
 */
function showOthers(view, others) {
  const list = slot(view, "seats");
  const rows = new Map([...list.querySelectorAll("li")].map((row) => [row.dataset.id, row]));
  const hadFocus = list.contains(document.activeElement);
  list.replaceChildren(...others.map((session) => {
    const row = rows.get(session.id) ?? newRow(session);
    say(slot(row, "where"), placeOf(session, Date.now()));
    return row;
  }));
  slot(view, "none").hidden = others.length > 0;
  slot(view, "end-others").hidden = others.length < 2;
  if (hadFocus && !list.contains(document.activeElement)) document.getElementById("others")?.focus();
}

/** @param {Session} session */
function newRow({ id, device }) {
  const row = copyOf("part-seat");
  row.dataset.id = id;
  slot(row, "name").textContent = nameOf(device);
  slot(row, "end").setAttribute("aria-label", `Sign out ${nameOf(device)}`);
  return row;
}

/**
 * @param {HTMLElement} view
 * @param {Hotseat} hotseat
 * @param {HTMLElement} row
 * @param {() => Promise<void>} refresh
 */
async function endOne(view, hotseat, row, refresh) {
  await hotseat.end(row.dataset.id ?? "");
  announce(`${slot(row, "name").textContent} is signed out.`);
  row.remove();
  view.querySelector("h2")?.focus();
  await refresh();
}

/**
 * @param {HTMLElement} view
 * @param {() => Promise<void>} act
 */
async function tryTo(view, act) {
  const problem = slot(view, "problem");
  say(problem, "");
  try {
    await act();
  } catch (error) {
    // An end of one's own session is told on a page of its own.
    if (!(error instanceof HotseatError)) throw error;
    if (error.status !== 401) say(problem, sentenceFor(error));
  }
}
