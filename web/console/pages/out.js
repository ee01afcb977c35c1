/**
 * Out: the administrator's own session ended, or it is no administrator's.
 *
 * @module
 */

/** @import {End} from "../../sdk/model.js" */

import { signOut } from "../acts.js";
import { fill, h, icon } from "../dom.js";
import { hotseat } from "../me.js";
import { brand } from "../parts/brand.js";
import { timeOf } from "../time.js";
import { nameOf } from "../words.js";
import { signInForm } from "./signin.js";

/** @type {Record<string, [string, string]>} */
const WORDS = {
  takeover: ["Your seat was taken", "This account signed in elsewhere. The newest device has the seat, so the console is closed here."],
  replaced: ["Signed in again elsewhere", "A newer sign-in in this same browser replaced this one."],
  kicked: ["Signed out by an administrator", "An administrator ended this session."],
  disabled: ["This account is disabled", "An administrator disabled it, which ended this session."],
  idle: ["Signed out after a long pause", "Nothing was done here for so long that the session ended."],
  expired: ["Time to sign in again", "A session lasts only so long, and this one reached its end."],
  logout: ["Signed out", "This session was signed out."],
};

/**
 * @param {Element} app
 * @param {End} end
 * @param {() => void} begin
 */
export function showOut(app, { reason, at, by }, begin) {
  if (reason === "replaced") return begin();
  const [title, lead] = WORDS[reason] ?? ["Please sign in again", "The server no longer knows this session."];
  document.title = `${title} · Hotseat console`;
  const heading = h("h1", { tabindex: "-1" }, title);
  const facts = [
    by && h("div", null, h("dt", null, "By"), h("dd", null, icon(by.device.class), nameOf(by.device), by.ip && h("code", null, by.ip))),
    at && h("div", null, h("dt", null, "When"), h("dd", null, timeOf(at))),
  ];
  const warning = reason === "takeover" && h("p", { class: "quiet" }, "Was that not you? Then somebody knows your password. Sign in to take the seat back, and change it.");
  fill(
    app,
    h("main", { class: "alone" }, brand(), heading, h("p", { class: "lead" }, lead), h("dl", { class: "facts" }, facts), warning, signInForm(hotseat.username ?? "", "Use the console here")),
  );
  heading.focus();
}

/** Somebody signed in who is no administrator. */
export function showStranger(/** @type {Element} */ app) {
  document.title = "Not for this account · Hotseat console";
  const heading = h("h1", { tabindex: "-1" }, "Not for this account");
  fill(
    app,
    h(
      "main",
      { class: "alone" },
      brand(),
      heading,
      h("p", { class: "lead" }, "The console is for the roles ", h("b", null, "admin"), " and ", h("b", null, "auditor"), `. You are signed in as ${hotseat.username ?? "somebody else"}.`),
      h("p", { class: "actions" }, h("button", { type: "button", class: "primary", on: { click: signOut } }, "Sign in as someone else")),
    ),
  );
  heading.focus();
}
