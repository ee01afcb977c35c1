/**
 * The sign-in form, with all that can come of it: a refusal in words, a wait that counts down, a choice of the
 * device that gives up its seat.
 *
 * @module
 */

/** @import {Session} from "../sdk/model.js" */
/** @import {HotseatError} from "../sdk/problem.js" */

import { countDown } from "./countdown.js";
import { copyOf, say, slot } from "./view.js";
import { nameOf, placeOf, sentenceFor } from "./words.js";

/**
 * @param {HTMLElement} place where the form goes
 * @param {string} label of the button
 * @param {string | null} username to begin with
 * @param {(username: string, password: string, replace: string[] | undefined) => Promise<unknown>} signIn
 * @returns {{focus: () => void}}
 */
export function putForm(place, label, username, signIn) {
  const form = /** @type {HTMLFormElement} */ (copyOf("part-form"));
  const [nameField, passwordField] = fieldsOf(form);
  nameField.value = username ?? "";
  form.dataset.label = label;
  closeChoice(form);
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
  nameField.addEventListener("input", () => closeChoice(form));
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
  if (error.onFull === "choose" && error.sessions.length > 0) return offerChoice(form, error.sessions);
  closeChoice(form);
  refuse(form, sentenceFor(error), passwordField);
  if (error.type === "invalid-credentials") {
    passwordField.setAttribute("aria-invalid", "true");
    passwordField.select();
  }
  if (error.type === "rate-limited" && error.retryAfterS) countDown(slot(form, "problem"), error.retryAfterS, error);
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

function closeChoice(/** @type {HTMLFormElement} */ form) {
  slot(form, "picker").hidden = true;
  slot(form, "submit").textContent = form.dataset.label ?? "";
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
