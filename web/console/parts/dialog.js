/**
 * Asking before something dangerous: what will happen, why (for the audit), and, where it concerns many, a word to
 * type. The focus stays in the dialog and goes back to where it was; Escape is a no.
 *
 * @module
 */

import { HotseatError } from "../../sdk/hotseat.js";
import { h } from "../dom.js";
import { sentenceFor } from "../words.js";

const MAX_NOTE_CHARS = 256;

/**
 * @typedef {object} Question
 * @property {string} title
 * @property {string} text what will happen
 * @property {string} verb on the button
 * @property {boolean} [gentle] nothing is ended by it
 * @property {string} [phrase] has to be typed
 * @property {boolean} [reasonless] there is nothing to say why
 * @property {Node[]} [fields] further ones
 * @property {(note: string | undefined) => Promise<void>} act an error of it is shown in the dialog
 */

/**
 * @param {Question} question
 * @returns {Promise<boolean>} whether it was done
 */
export function ask(question) {
  const { title, text, verb, phrase, fields = [] } = question;
  const problem = h("p", { class: "problem", role: "alert", hidden: true });
  const submit = h("button", { class: question.gentle ? "primary" : "danger", type: "submit" }, verb);
  const no = h("button", { type: "button", on: { click: () => dialog.close() } }, "Cancel");
  const note = h("input", { id: "note", name: "note", maxlength: MAX_NOTE_CHARS, autocomplete: "off", placeholder: "Ticket, or what the user said" });
  const typed = phrase ? phraseField(phrase, submit) : null;
  const reason = question.reasonless
    ? null
    : h("p", { class: "field" }, h("label", { for: "note" }, "Reason ", h("span", { class: "quiet" }, "optional, kept in the audit")), note);
  const form = h("form", { novalidate: true }, h("h2", { id: "dialog-title" }, title), h("p", { class: "quiet" }, text), fields, reason, typed, problem, h("p", { class: "actions" }, no, submit));
  const dialog = h("dialog", { class: "ask", "aria-labelledby": "dialog-title" }, form);
  return open(dialog, form, async () => {
    if (submit.disabled) return false;
    submit.disabled = true;
    problem.hidden = true;
    try {
      await question.act(note.value.trim() || undefined);
      return true;
    } catch (error) {
      if (!(error instanceof HotseatError)) throw error;
      problem.textContent = error.field ? `${error.field}: ${error.message}` : sentenceFor(error);
      problem.hidden = false;
      return false;
    } finally {
      submit.disabled = false;
    }
  });
}

/**
 * @param {HTMLDialogElement} dialog
 * @param {HTMLFormElement} form
 * @param {() => Promise<boolean>} attempt
 * @returns {Promise<boolean>}
 */
function open(dialog, form, attempt) {
  const opener = /** @type {HTMLElement | null} */ (document.activeElement);
  let done = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    done = await attempt();
    if (done) dialog.close();
  });
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      // The button may have gone with what it ended.
      (opener?.isConnected ? opener : document.querySelector("h1"))?.focus();
      resolve(done);
    });
  });
}

/**
 * @param {string} phrase
 * @param {HTMLButtonElement} submit
 */
function phraseField(phrase, submit) {
  submit.disabled = true;
  const typed = h("input", { id: "phrase", autocomplete: "off", autocapitalize: "none", spellcheck: "false" });
  typed.addEventListener("input", () => (submit.disabled = typed.value.trim() !== phrase));
  return h("p", { class: "field" }, h("label", { for: "phrase" }, "To go on, type ", h("kbd", null, phrase)), typed);
}
