/**
 * Asking before something dangerous: what will happen, why (for the audit), and, where it concerns many, a word to
 * type. The focus stays in the dialog and goes back to where it was; Escape is a no, until
 * it is being done: then the outcome is waited for.
 *
 * @module
 */

import { HotseatError } from "../../sdk/hotseat.js";
import { h } from "../dom.js";
import { sentenceForAct, Undone } from "../sentences.js";
import { toast } from "./toast.js";

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
  return open(dialog, form, problem, async () => {
    if (submit.disabled) return false;
    [submit.disabled, no.disabled] = [true, true];
    problem.hidden = true;
    try {
      await question.act(note.value.trim() || undefined);
      return true;
    } catch (error) {
      problem.textContent = sentenceOf(error);
      problem.hidden = false;
      return false;
    } finally {
      [submit.disabled, no.disabled] = [false, false];
    }
  });
}

/** @param {unknown} error */
function sentenceOf(error) {
  if (error instanceof Undone) return error.message;
  if (!(error instanceof HotseatError)) throw error;
  return error.field ? `${error.field}: ${error.message}` : sentenceForAct(error);
}

/**
 * @param {HTMLDialogElement} dialog
 * @param {HTMLFormElement} form
 * @param {HTMLElement} problem what it says of an attempt that failed
 * @param {() => Promise<boolean>} attempt
 * @returns {Promise<boolean>}
 */
function open(dialog, form, problem, attempt) {
  const opener = /** @type {HTMLElement | null} */ (document.activeElement);
  /** @type {Promise<boolean> | null} an attempt under way: what it brings has to be seen */
  let attempting = null;
  let done = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    attempting ??= attempt();
    done = await attempting;
    attempting = null;
    if (done) dialog.close();
  });
  for (const no of ["keydown", "cancel"]) {
    dialog.addEventListener(no, (event) => {
      const isNo = !(event instanceof KeyboardEvent) || event.key === "Escape";
      if (attempting && isNo) event.preventDefault();
    });
  }
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", async () => {
      dialog.remove();
      // The button may have gone with what it ended.
      (opener?.isConnected ? opener : document.querySelector("h1"))?.focus();
      if (!attempting) return resolve(done);
      // A browser may insist on closing, and the page may close it: what was asked for goes on all the same.
      done = await attempting;
      if (!done) toast(problem.textContent ?? "", "warning");
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
