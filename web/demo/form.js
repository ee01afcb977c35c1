/**
 * The sign-in form, with all that can come of it: a refusal in words, a wait that counts down, a choice of the
 * device that gives up its seat.
 *
 * @module
 */

/** @import {Session} from "../sdk/model.js" */
/** @import {HotseatError} from "../sdk/problem.js" */

import { announce, copyOf, say, slot } from "./view.js";
import { nameOf, placeOf, sentenceFor } from "./words.js";

/**
 * @param {HTMLElement} place where the form goes
 * @param {string | null} username to begin with
 * @param {(username: string, password: string, replace: string[] | undefined) => Promise<unknown>} signIn
 * @returns {{focus: () => void}}
 */
export function putForm(place, username, signIn) {
  const form = /** @type {HTMLFormElement} */ (copyOf("part-form"));
  const [nameField, passwordField] = fieldsOf(form);
  nameField.value = username ?? "";
  let pending = false;

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (pending) return;
    const replace = chosenIn(form);
    const lacking = lackingIn(form, replace);
    if (lacking) return refuse(form, ...lacking);
    pending = true;
    showPending(form, true);
    try {
      await signIn(nameField.value.trim(), passwordField.value, replace);
    } catch (error) {
      explain(form, /** @type {HotseatError} */ (error));
    } finally {
      pending = false;
      showPending(form, false);
    }
  });
  // Another user's seats are another question.
  nameField.addEventListener("input", () => (slot(form, "picker").hidden = true));
  place.replaceChildren(form);
  return { focus: () => (nameField.value ? passwordField : nameField).focus() };
}

/** @returns {HTMLInputElement[]} */
function fieldsOf(/** @type {HTMLFormElement} */ form) {
  return ["username", "password"].map((name) => /** @type {HTMLInputElement} */ (form.elements.namedItem(name)));
}

/** @returns {string[] | undefined} undefined where there is no choice to make */
function chosenIn(/** @type {HTMLFormElement} */ form) {
  if (slot(form, "picker").hidden) return undefined;
  return [...form.querySelectorAll("input")].filter(({ type, checked }) => type === "checkbox" && checked).map(({ value }) => value);
}

/**
 * @param {HTMLFormElement} form
 * @param {string[] | undefined} replace
 * @returns {[string, HTMLElement | null] | null} what to say, and where to go
 */
function lackingIn(form, replace) {
  const empty = fieldsOf(form).find(({ value }) => value.trim() === "");
  for (const field of fieldsOf(form)) field.setAttribute("aria-invalid", `${field === empty}`);
  if (empty) return [`Please enter your ${empty.name === "password" ? "password" : "user name"}.`, empty];
  return replace?.length === 0 ? ["Please choose at least one device.", form.querySelector("[type=checkbox]")] : null;
}

/**
 * @param {HTMLFormElement} form
 * @param {HotseatError} error
 */
function explain(form, error) {
  const [, passwordField] = fieldsOf(form);
  if (error.type === "seats-full" && error.sessions.length > 0) return offerChoice(form, error.sessions);
  slot(form, "picker").hidden = true;
  refuse(form, sentenceFor(error), passwordField);
  if (error.type === "invalid-credentials") {
    passwordField.setAttribute("aria-invalid", "true");
    passwordField.select();
  }
  if (error.type === "rate-limited" && error.retryAfterS) countDown(form, error);
}

/**
 * @param {HTMLFormElement} form
 * @param {string} sentence
 * @param {HTMLElement | null} field
 */
function refuse(form, sentence, field) {
  say(slot(form, "problem"), sentence);
  field?.focus();
}

/**
 * @param {HTMLFormElement} form
 * @param {Session[]} sessions
 */
function offerChoice(form, sessions) {
  const choices = sessions.map((session) => {
    const choice = copyOf("part-choice");
    slot(choice, "name").textContent = nameOf(session.device);
    slot(choice, "where").textContent = placeOf(session, Date.now());
    /** @type {HTMLInputElement} */ (choice.querySelector("input")).value = session.id;
    return choice;
  });
  slot(form, "seats").replaceChildren(...choices);
  slot(form, "picker").hidden = false;
  slot(form, "submit").textContent = "Sign out the chosen and sign in here";
  refuse(form, "All seats of this account are taken.", choices[0].querySelector("input"));
}

/**
 * Keeps the sentence true while the wait runs down. Only its end is read out.
 * @param {HTMLFormElement} form
 * @param {HotseatError} error
 */
function countDown(form, error) {
  const problem = slot(form, "problem");
  const until = Date.now() + (error.retryAfterS ?? 0) * 1000;
  let shown = sentenceFor(error);
  problem.setAttribute("role", "none");
  announce(shown);
  const timer = setInterval(() => {
    const over = !form.isConnected || problem.textContent !== shown;
    error.retryAfterS = Math.ceil((until - Date.now()) / 1000);
    if (!over && error.retryAfterS > 0) {
      say(problem, (shown = sentenceFor(error)));
      return;
    }
    clearInterval(timer);
    problem.setAttribute("role", "alert");
    if (!over) say(problem, "You can try again now.");
  }, 1000);
}

/**
 * @param {HTMLFormElement} form
 * @param {boolean} pending
 */
function showPending(form, pending) {
  const button = slot(form, "submit");
  button.setAttribute("aria-disabled", `${pending}`);
  form.setAttribute("aria-busy", `${pending}`);
}
