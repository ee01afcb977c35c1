/**
 * What happens at this moment: the last few events, newest first.
 *
 * @module
 */

/** @import {Happening} from "../model.js" */

import { isAbort, read } from "../api.js";
import { h } from "../dom.js";
import { paced } from "../poll.js";
import { linkTo } from "../router.js";
import { stream } from "../stream.js";
import { eventColumns, eventRow } from "./event-row.js";
import { panel } from "./heading.js";
import { nothing, showFailure, skeleton } from "./states.js";
import { table } from "./table.js";

const SHOWN = 12;
const STALE_PACE = { soonMs: 500, everyMs: 5000 };

/** @param {AbortSignal} signal */
export function recentPanel(signal) {
  const columns = eventColumns();
  const { element, body } = table("Latest events", columns);
  const place = h("div", null, skeleton(6));
  /** @type {Happening[] | null} told while the log was read, and perhaps not in what it answered */
  let meanwhile = null;
  const take = (/** @type {Happening} */ event) => {
    meanwhile?.push(event);
    if (body.querySelector(`[data-id="${event.id}"]`)) return;
    if (!element.isConnected) place.replaceChildren(element);
    const arrived = eventRow(event, columns);
    arrived.classList.add("arrived");
    body.prepend(arrived);
    while (body.childElementCount > SHOWN) body.lastElementChild?.remove();
  };
  const load = async () => {
    meanwhile = [];
    try {
      /** @type {{events: Happening[]}} */
      const { events } = await read("events", { limit: SHOWN }, signal);
      const told = meanwhile;
      meanwhile = null;
      body.replaceChildren(...events.slice(0, SHOWN).map((event) => eventRow(event, columns)));
      place.replaceChildren(events.length > 0 ? element : nothing("Nothing has happened yet", "Sign-ins appear here as they happen."));
      told.slice(-SHOWN).forEach(take);
    } catch (error) {
      if (!isAbort(error)) showFailure(place, error, load);
    }
  };
  // A busy system says every second that there was more than it tells.
  stream.on({ event: take, stale: paced(STALE_PACE, signal, load) }, signal);
  load();
  return panel("Right now", place, h("p", { class: "panel-foot" }, h("a", { href: linkTo("audit") }, "All in the audit")));
}
