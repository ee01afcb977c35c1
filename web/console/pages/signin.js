/**
 * Signing in: a Hotseat login like any other, with what can come of it.
 *
 * @module
 */

/** @import {Session} from "../../sdk/model.js" */

import { HotseatError } from "../../sdk/hotseat.js";
import { fill, h, icon } from "../dom.js";
import { hotseat } from "../me.js";
import { brand } from "../parts/brand.js";
import { sentenceFor } from "../sentences.js";
import { agoOf } from "../time.js";
import { nameOf } from "../words.js";

/**
 * @param {Element} app
 * @param {{username?: string | null, lead?: string}} [how]
 */
export function showSignIn(app, { username = "", lead = "Who is signed in, where, and out with whom." } = {}) {
  document.title = "Sign in · Hotseat console";
  const title = h("h1", { tabindex: "-1" }, "Sign in");
  fill(app, h("main", { class: "alone" }, brand(), title, h("p", { class: "lead" }, lead), signInForm(username ?? "", "Sign in")));
  const empty = /** @type {HTMLInputElement | null} */ (app.querySelector(username ? "#password" : "#username"));
  empty?.focus();
}

/**
 * @param {string} username to begin with
 * @param {string} verb
 */
export function signInForm(username, verb) {
  const name = h("input", { id: "username", autocomplete: "username", autocapitalize: "none", spellcheck: "false", maxlength: 128, required: true, value: username });
  const password = h("input", { id: "password", type: "password", autocomplete: "current-password", required: true });
  const problem = h("p", { class: "problem", role: "alert", hidden: true });
  const seats = h("fieldset", { hidden: true });
  const submit = h("button", { class: "primary" }, verb);
  const refuse = (/** @type {string} */ text, /** @type {HTMLElement} */ field) => {
    problem.textContent = text;
    problem.hidden = false;
    field.focus();
  };
  const signIn = async () => {
    const empty = [name, password].find(({ value }) => value.trim() === "");
    if (empty) return refuse(empty === name ? "Please enter your user name." : "Please enter your password.", empty);
    submit.disabled = true;
    try {
      await hotseat.login(name.value.trim(), password.value, { replace: chosenOf(seats) });
    } catch (error) {
      if (!(error instanceof HotseatError)) throw error;
      if (error.onFull === "choose" && error.sessions.length > 0) offer(seats, error.sessions);
      refuse(error.type === "seats-full" ? fullSentence(error) : sentenceFor(error), seats.hidden ? password : seats.querySelector("input") ?? password);
    } finally {
      submit.disabled = false;
    }
  };
  const submitted = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (!submit.disabled) signIn();
  };
  return h(
    "form",
    { class: "sign-in", novalidate: true, on: { submit: submitted } },
    problem,
    h("p", { class: "field" }, h("label", { for: "username" }, "User name"), name),
    h("p", { class: "field" }, h("label", { for: "password" }, "Password"), password),
    seats,
    h("p", { class: "actions" }, submit),
  );
}

/** @param {HTMLFieldSetElement} seats */
function chosenOf(seats) {
  if (seats.hidden) return undefined;
  return [...seats.querySelectorAll("input")].filter(({ checked }) => checked).map(({ value }) => value);
}

/**
 * @param {HTMLFieldSetElement} seats
 * @param {Session[]} sessions that hold the seats
 */
function offer(seats, sessions) {
  seats.hidden = false;
  const choices = sessions.map(({ id, device, last_seen_at }) =>
    h("label", { class: "choice" }, h("input", { type: "checkbox", value: id }), icon(device.class), nameOf(device), h("span", { class: "quiet" }, `seen ${agoOf(last_seen_at)}`)),
  );
  fill(seats, h("legend", null, "Which device should give up its seat?"), choices);
}

/** @param {HotseatError} error */
function fullSentence({ onFull, sessions }) {
  if (onFull === "choose") return "All seats of this account are taken. Choose one to sign out.";
  return `All seats of this account are taken (${sessions.map(({ device }) => nameOf(device)).join(", ")}). Sign out there first.`;
}
