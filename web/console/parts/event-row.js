/**
 * An event of the log as a row.
 *
 * @module
 */

/** @import {Child} from "../dom.js" */
/** @import {Happening} from "../model.js" */
/** @import {Column} from "./table.js" */

import { h, icon } from "../dom.js";
import { linkTo } from "../router.js";
import { timeOf } from "../time.js";
import { actorOf, HAPPENINGS, JOBS, nameOf, TONES } from "../words.js";
import { badge } from "./heading.js";
import { row } from "./table.js";

/** How the note of a login begins that the brake did not let be looked at. */
const HELD_OFF = "held off";
/** How the note of a job begins: the badge says that. */
const JOB_WORD = /^(\w+): /;
/** Nobody reads it; the title has it whole. */
const JOB_ID = /, job [0-9a-f-]{36}/;

/**
 * @param {{user?: boolean}} [options] `user`: whether to say whom it concerns
 * @returns {Column[]}
 */
export function eventColumns({ user = true } = {}) {
  const columns = [{ label: "When" }, { label: "What" }, { label: "User" }, { label: "Device" }, { label: "Address" }, { label: "By" }, { label: "Details" }];
  return user ? columns : columns.filter(({ label }) => label !== "User");
}

/**
 * @param {Happening} event
 * @param {Column[]} columns
 */
export function eventRow(event, columns) {
  const { device, ip, actor, user } = event;
  /** @type {Record<string, Child | Child[]>} */
  const cells = {
    When: timeOf(event.time),
    What: whatOf(event),
    User: user && h("a", { class: "name", href: linkTo("users", user), title: user }, user),
    Device: device && h("span", { class: "device" }, icon(device.class), h("span", { class: "device-name", title: nameOf(device) }, nameOf(device))),
    // Where somebody acted, the address is theirs and not the device's.
    Address: ip && h("code", { title: actor ? `${ip}, of ${actorOf(actor)}` : ip }, ip),
    By: actor && h("span", { title: event.actor_session ? `${actor}, session ${event.actor_session}` : actor }, actorOf(actor)),
    Details: detailsOf(event),
  };
  return row(columns, columns.map(({ label }) => cells[label] ?? null), { data: { id: event.id } });
}

/**
 * What happened, in a badge or two.
 * @param {Happening} event
 */
export function whatOf({ type, reason, ended, note }) {
  const word = type === "ended" && reason ? reason : type;
  const takeovers = ended.filter((each) => each.reason === "takeover").length;
  const isHeldOff = type === "failed" && note?.startsWith(HELD_OFF);
  const [text, tone] = (type === "job" && JOBS[JOB_WORD.exec(note ?? "")?.[1] ?? ""]) || [isHeldOff ? "Held off" : (HAPPENINGS[word] ?? word), TONES[word]];
  return [
    badge(text, tone),
    takeovers > 0 && badge(takeovers === 1 ? "Takeover" : `${takeovers} takeovers`, "accent"),
    ended.some((each) => each.reason === "replaced") && badge("Replaced its own"),
  ];
}

/** @param {Happening} event */
function detailsOf({ note, by, session, type, reason }) {
  const who = by && type === "ended" ? [reason === "logout" ? "from " : "by ", nameOf(by.device), by.ip && h("code", null, ` ${by.ip}`)] : [];
  return [
    note && h("q", { title: note }, type === "job" ? note.replace(JOB_ID, "").replace(JOB_WORD, "") : note),
    who.length > 0 && h("span", null, who),
    type === "ended" && !session && h("span", { class: "quiet" }, "nobody was signed in"),
    session && h("code", { class: "quiet", title: `Session ${session}` }, `…${session.slice(-8)}`),
  ];
}
