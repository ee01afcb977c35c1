/**
 * The page of whoever was put out: why, by whom, from where, when; and the way back.
 *
 * @module
 */

/** @import {Hotseat} from "../sdk/hotseat.js" */
/** @import {End} from "../sdk/model.js" */

import { putForm } from "./form.js";
import { announce, say, show, showFacts, showTitle, slot } from "./view.js";
import { aboutWhere, labelOf, momentOf, wordsForEnd } from "./words.js";

/**
 * @param {Hotseat} hotseat
 * @param {End} end
 * @param {() => void} signInAsOther
 */
export function showOut(hotseat, end, signInAsOther) {
  const view = show("out");
  const { title, lead, advice } = wordsForEnd(end, hotseat.username);
  say(slot(view, "title"), title);
  showTitle(title);
  say(slot(view, "lead"), lead);
  say(slot(view, "advice"), advice);
  showFacts(slot(view, "facts"), [
    ["Device", end.by && labelOf(end.by.device)],
    ["Address", aboutWhere(end.by?.ip)],
    ["When", momentOf(end.at)],
  ]);
  announce(`${title}. ${lead}`);
  slot(view, "other").addEventListener("click", signInAsOther);
  slot(view, "use-here").addEventListener("click", () => useHere(view, hotseat));
}

/**
 * The page keeps no password, so the SDK asks for it: the form comes up, the name filled in where it is known.
 * @param {HTMLElement} view
 * @param {Hotseat} hotseat
 */
async function useHere(view, hotseat) {
  if (await hotseat.useHere()) return;
  const place = slot(view, "form");
  const form = putForm(place, "Use here", hotseat.username, (username, password, replace) =>
    hotseat.useHere({ username, password, replace }),
  );
  place.hidden = false;
  slot(view, "actions").hidden = true;
  form.focus();
}
