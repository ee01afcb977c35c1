/**
 * Jobs: ending all sessions of a role, or everybody's. They run on whichever node takes them, and go on when it dies.
 *
 * @module
 */

/** @import {Job} from "../model.js" */
/** @import {Place} from "../router.js" */

import { act, isAbort, read } from "../api.js";
import { isWatched } from "../attention.js";
import { h, icon } from "../dom.js";
import { me } from "../me.js";
import { ask } from "../parts/dialog.js";
import { badge, heading } from "../parts/heading.js";
import { jobForm, startJob } from "../parts/job-form.js";
import { nothing, showFailure, skeleton } from "../parts/states.js";
import { toast } from "../parts/toast.js";
import { paced } from "../poll.js";
import { stream } from "../stream.js";
import { timeOf } from "../time.js";
import { actorOf, countOf, plural } from "../words.js";

const RUNNING_MS = 1000;
const STALE_PACE = { soonMs: 500, everyMs: 10_000 };
const STATES = /** @type {const} */ ({ running: ["Running", "accent"], done: ["Done", "good"], cancelled: ["Cancelled", ""], failed: ["Failed", "bad"] });

/**
 * @param {HTMLElement} main
 * @param {Place} _place
 * @param {AbortSignal} signal
 */
export function show(main, _place, signal) {
  const body = h("div", { class: "jobs" }, skeleton(4));
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const wait = () => {
    timer = setTimeout(() => (isWatched() ? load() : wait()), RUNNING_MS);
  };
  const load = async () => {
    clearTimeout(timer);
    try {
      /** @type {{jobs: Job[]}} */
      const { jobs } = await read("jobs", {}, signal);
      draw(body, jobs, load);
      // Progress is asked for while there is some; that a job began is told by the stream.
      if (jobs.some(({ state }) => state === "running")) wait();
    } catch (error) {
      if (!isAbort(error)) showFailure(body, error, load);
    }
  };
  const start = me.mayAct && jobForm(load);
  main.replaceChildren(heading("Jobs", "Ending the sessions of a role, or everybody’s. Kept for 24 hours after they finish."), ...(start ? [start] : []), body);
  stream.on({ event: ({ type }) => type === "job" && load(), stale: paced(STALE_PACE, signal, load) }, signal);
  signal.addEventListener("abort", () => clearTimeout(timer));
  load();
}

/**
 * @param {HTMLElement} place
 * @param {Job[]} jobs
 * @param {() => Promise<void>} reload
 */
function draw(place, jobs, reload) {
  if (jobs.length === 0) return place.replaceChildren(nothing("No jobs", "None has run in the last 24 hours."));
  const focused = document.activeElement?.closest("article")?.id;
  place.replaceChildren(...jobs.map((job) => card(job, reload)));
  if (focused) /** @type {HTMLElement | null} */ (document.getElementById(focused)?.querySelector("button"))?.focus();
}

/**
 * @param {Job} job
 * @param {() => Promise<void>} reload
 */
function card(job, reload) {
  const { id, state, seen, ended, actor, note, tries } = job;
  const title = targetOf(job);
  const isStuck = state === "running" && tries > 0;
  const [word, tone] = isStuck ? /** @type {const} */ (["Waiting to try again", "warn"]) : STATES[state];
  return h(
    "article",
    { class: `panel job ${isStuck ? "stuck" : state}`, id: `job-${id}`, "aria-label": title },
    h("div", { class: "job-head" }, h("h2", null, title, badge(word, tone)), me.mayAct && actOn(job, title, reload)),
    h("progress", { max: 1, value: state === "done" ? 1 : job.progress, "aria-label": `Progress of: ${title}` }),
    h("p", { class: "job-figures" }, h("span", null, h("b", null, countOf(Math.round(ended))), " ended"), h("span", { class: "quiet" }, `${countOf(Math.round(seen))} looked at`)),
    (isStuck || state === "failed") && h("p", { class: "job-cause" }, icon("warning"), h("span", null, causeOf(job))),
    h("p", { class: "quiet" }, actor ? `${actorOf(actor)}, ` : "", timeOf(job.created_at), note && [" · ", h("q", null, note)], job.finished_at && [" · finished ", timeOf(job.finished_at)], state === "running" && job.node && [" · on node ", h("code", null, job.node.slice(0, 8))]),
  );
}

/**
 * What can be done about a job: it is cancelled while it runs, and begun anew where it has failed.
 * @param {Job} job
 * @param {string} title
 * @param {() => Promise<void>} reload
 */
function actOn(job, title, reload) {
  const button = (/** @type {string} */ label, /** @type {string} */ name, /** @type {() => Promise<void>} */ click) => h("button", { type: "button", on: { click } }, icon(name), label);
  if (job.state === "running") return button("Cancel job", "close", () => cancelJob(job, title, reload));
  if (job.state !== "failed") return null;
  return button("Start again", "again", () => startJob(job.role === null ? { everybody: true } : { role: job.role }, reload));
}

/** @param {Job} job */
function causeOf({ state, tries, cause }) {
  const why = cause ?? "nobody knows why";
  return state === "failed" ? `Given up after ${plural(tries, "try", "tries")}: ${why}. What it had ended stays ended; started again, it ends who is left.` : `${plural(tries, "try", "tries")} failed: ${why}.`;
}

/** @param {Job} job */
function targetOf({ everybody, role }) {
  return everybody ? "End all sessions of everybody" : `End all sessions with the role ${role}`;
}

/**
 * @param {Job} job
 * @param {string} title
 * @param {() => Promise<void>} reload
 */
async function cancelJob({ id }, title, reload) {
  const done = await ask({
    title: "Cancel this job?",
    text: `${title}: what it has ended stays ended.`,
    verb: "Cancel job",
    reasonless: true,
    act: async () => {
      await act("DELETE", `jobs/${id}`);
      toast("The job is cancelled.");
    },
  });
  if (done) await reload();
}
