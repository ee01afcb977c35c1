/**
 * Starting a job, and saying something to everybody: what concerns many, behind a word that has to be typed.
 *
 * @module
 */

import { act } from "../api.js";
import { sendNotice } from "../acts.js";
import { h, icon } from "../dom.js";
import { ask } from "./dialog.js";
import { toast } from "./toast.js";

/** @param {() => Promise<void>} started */
export function jobForm(started) {
  const role = h("input", { id: "role", placeholder: "for example member", maxlength: 64, autocomplete: "off", autocapitalize: "none", spellcheck: "false" });
  const named = (/** @type {(role: string) => void} */ go) => {
    const text = role.value.trim();
    if (text) go(text);
    else role.focus();
  };
  const button = (/** @type {string} */ label, /** @type {string} */ name, /** @type {string} */ kind, /** @type {() => void} */ click) => h("button", { type: "button", class: kind, on: { click } }, icon(name), label);
  return h(
    "section",
    { class: "panel starts", "aria-label": "Start" },
    h(
      "form",
      { on: { submit: (/** @type {Event} */ event) => event.preventDefault() } },
      h("label", { for: "role" }, "Role"),
      role,
      button("End all of this role", "end", "danger", () => named((text) => startJob({ role: text }, started))),
      button("Notice to this role", "message", "", () => named((text) => sendNotice({ role: text }, `everybody with the role ${text}`))),
    ),
    h("div", null, h("span", null, "Everybody"), button("End all sessions", "end", "danger", () => startJob({ everybody: true }, started)), button("Notice to everybody", "message", "", () => sendNotice("everybody", "everybody"))),
  );
}

/**
 * @param {{role: string} | {everybody: true}} target
 * @param {() => Promise<void>} started
 */
export async function startJob(target, started) {
  const isRole = "role" in target;
  const whose = isRole ? `everybody with the role ${target.role}` : "everybody";
  const done = await ask({
    title: `End all sessions of ${whose}?`,
    text: `Every device of ${whose} is signed out, on every node, but for your own. They may sign in again. It takes a while and can be cancelled.`,
    verb: "End all",
    phrase: isRole ? target.role : "everybody",
    act: async (note) => {
      await act("POST", "jobs", { kind: "end-sessions", ...target, note });
      toast("The job has begun.");
    },
  });
  if (done) await started();
}
