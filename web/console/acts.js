/**
 * What administrators do, each asked first. Every act says in a toast what came of it.
 *
 * @module
 */

/** @import {Session} from "../sdk/model.js" */

import { HotseatError } from "../sdk/hotseat.js";
import { act, userPath } from "./api.js";
import { h } from "./dom.js";
import { endEach } from "./end-each.js";
import { hotseat, me } from "./me.js";
import { ask } from "./parts/dialog.js";
import { toast } from "./parts/toast.js";
import { sentenceFor } from "./sentences.js";
import { nameOf, plural } from "./words.js";

/** Signs this browser out. The SDK tells when it is done. */
export async function signOut() {
  try {
    await hotseat.logout();
  } catch (error) {
    if (!(error instanceof HotseatError)) throw error;
    toast(sentenceFor(error), "warning");
  }
}

/** @param {Session[]} sessions */
export function endSessions(sessions) {
  const own = sessions.some(({ id }) => id === me.session?.id) ? " Your own is among them." : "";
  const [first] = sessions;
  const one = sessions.length === 1;
  return ask({
    title: one ? `End the session of ${first.user_id}?` : `End ${plural(sessions.length, "session")}?`,
    text: `${one ? `${nameOf(first.device)} is signed out` : "These devices are signed out"} at once, and told that an administrator did it.${own}`,
    verb: one ? "End session" : `End ${plural(sessions.length, "session")}`,
    act: async (note) => {
      toast(await endEach(sessions.map(({ id }) => id), note));
    },
  });
}

/**
 * @param {string} user
 * @param {number} count of the sessions that are shown
 */
export function endUser(user, count) {
  return ask({
    title: `End all sessions of ${user}?`,
    text: `${plural(count, "device")} signed out at once. ${user} may sign in again.`,
    verb: "End all",
    act: async (note) => {
      const { ended } = await act("DELETE", `${userPath(user)}/sessions`, { note });
      toast(`${plural(ended.length, "session")} of ${user} ended.`);
    },
  });
}

/**
 * @param {string} user
 * @param {boolean} disabled whether it is now
 */
export function toggleDisabled(user, disabled) {
  return ask({
    title: `${disabled ? "Enable" : "Disable"} ${user}?`,
    text: disabled ? `${user} may sign in again.` : `All devices of ${user} are signed out at once, and logins are refused until the user is enabled again.`,
    verb: disabled ? "Enable user" : "Disable user",
    gentle: disabled,
    act: async (note) => {
      const answer = await act(disabled ? "DELETE" : "PUT", `${userPath(user)}/disabled`, { note });
      toast(disabled ? `${user} is enabled.` : `${user} is disabled; ${plural(answer?.ended?.length ?? 0, "session")} ended.`);
    },
  });
}

/**
 * @param {{user: string} | {role: string} | "everybody"} to
 * @param {string} whom
 */
export function sendNotice(to, whom) {
  const text = h("textarea", { id: "notice", rows: 3, maxlength: 512, required: true });
  const level = h("select", { id: "level" }, ["info", "warning", "critical"].map((name) => h("option", { value: name }, name)));
  return ask({
    title: `Send a notice to ${whom}`,
    text: "Shown on the devices that are connected now. It ends nothing.",
    verb: "Send notice",
    gentle: true,
    reasonless: true,
    fields: [h("p", { class: "field" }, h("label", { for: "notice" }, "Text"), text), h("p", { class: "field" }, h("label", { for: "level" }, "Level"), level)],
    act: async () => {
      await act("POST", "notices", { to, level: level.value, text: text.value.trim() });
      toast(`Notice sent to ${whom}.`);
    },
  });
}
