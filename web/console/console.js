/**
 * The administrators' console: who is signed in, where, and out with whom. Shows the sign-in or the shell, by the state
 * of the administrator's own session.
 *
 * @module
 */

import { HotseatError } from "../sdk/hotseat.js";
import { refusals } from "./api.js";
import { byId, fill, h } from "./dom.js";
import { startKeys } from "./keys.js";
import { hotseat, me } from "./me.js";
import { toast } from "./parts/toast.js";
import { showOut, showStranger } from "./pages/out.js";
import { showSignIn } from "./pages/signin.js";
import { sentenceFor } from "./sentences.js";
import { leaveShell, showLine, showShell } from "./shell.js";
import { stream } from "./stream.js";
import { startTicking } from "./time.js";

hotseat.addEventListener("welcome", ({ detail: { session } }) => enter(session.id));
hotseat.addEventListener("forceLogout", ({ detail }) => {
  leave();
  showOut(byId("app"), detail, begin);
});
hotseat.addEventListener("notice", ({ detail }) => {
  const tone = detail.level === "critical" || detail.level === "warning" ? detail.level : "info";
  toast(`Notice: ${detail.text}`, tone);
});
hotseat.addEventListener("state", ({ detail: { state } }) => {
  showLine(state);
  if (state !== "idle" || !shownId) return;
  leave();
  showSignIn(byId("app"));
});
// The WebSocket says it too, and first as a rule; the answer is the second route.
refusals.addEventListener("refused", () => shownId && begin());

/** The session that the page is for; "": none. Told by the answer and by the socket, whichever comes first. */
let shownId = "";

/** @param {string} id the session that is live */
async function enter(id) {
  if (shownId === id) return;
  shownId = id;
  try {
    // With its roles, which the socket does not tell.
    const session = await hotseat.fetchSession();
    if (shownId !== id) return;
    me.session = session;
  } catch (error) {
    shownId = "";
    return showUnreachable(error);
  }
  leaveShell();
  if (!me.mayLook) return showStranger(byId("app"));
  await stream.start();
  if (shownId === id) showShell(byId("app"));
}

function leave() {
  shownId = "";
  me.session = null;
  stream.stop();
  leaveShell();
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
}

async function begin() {
  try {
    const session = await hotseat.resume();
    if (session) await enter(session.id);
    else if (hotseat.state === "idle") {
      leave();
      showSignIn(byId("app"));
    }
  } catch (error) {
    showUnreachable(error);
  }
}

/** @param {unknown} error */
function showUnreachable(error) {
  if (!(error instanceof HotseatError)) throw error;
  leave();
  const again = h("button", { type: "button", class: "primary", on: { click: begin } }, "Try again");
  const title = h("h1", { tabindex: "-1" }, "The console can’t start");
  fill(byId("app"), h("main", { class: "alone" }, title, h("p", { class: "lead" }, sentenceFor(error)), h("p", { class: "actions" }, again)));
  title.focus();
}

startKeys();
startTicking();
begin();
