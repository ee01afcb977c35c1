/**
 * The demo: one view at a time, picked by the state of the SDK.
 *
 * @module
 */

import { Hotseat, HotseatError } from "../sdk/hotseat.js";
import { putForm } from "./form.js";
import { showConnected, showHome } from "./home.js";
import { showOut } from "./out.js";
import { announce, say, show, showStatus, slot } from "./view.js";
import { sentenceFor } from "./words.js";

const STATUS = {
  idle: "",
  connecting: "Connecting",
  live: "Live",
  waiting: "Reconnecting",
  ended: "",
};

const hotseat = new Hotseat();
/** The session that the page shows, to keep the view across reconnects. */
let shownId = "";

hotseat.addEventListener("welcome", ({ detail: { session } }) => {
  if (session.id === shownId) return;
  shownId = session.id;
  showHome(hotseat);
});

hotseat.addEventListener("forceLogout", ({ detail }) => {
  shownId = "";
  showOut(hotseat, detail, () => showLogin());
});

hotseat.addEventListener("notice", ({ detail }) => announce(detail.text));

hotseat.addEventListener("state", ({ detail: { state } }) => {
  showLine();
  if (state !== "idle" || !shownId) return;
  shownId = "";
  showLogin();
  announce("You are signed out.");
});

addEventListener("online", showLine);
addEventListener("offline", showLine);

function showLine() {
  const { state } = hotseat;
  showStatus(state, state === "waiting" && !navigator.onLine ? "Offline" : STATUS[state]);
  showConnected(state === "live");
}

/** @param {{focus?: boolean}} [how] */
function showLogin(how) {
  const view = show("login", how);
  putForm(slot(view, "form"), "Sign in", null, (username, password, replace) =>
    hotseat.login(username, password, { replace }),
  );
}

/** @param {HotseatError} error */
function showUnreachable(error) {
  const view = show("unreachable");
  say(slot(view, "lead"), sentenceFor(error));
  slot(view, "again").addEventListener("click", () => begin());
}

/** @param {{focus?: boolean}} [how] */
async function begin(how) {
  try {
    if (!(await hotseat.resume()) && hotseat.state === "idle") showLogin(how);
  } catch (error) {
    if (!(error instanceof HotseatError)) throw error;
    showUnreachable(error);
  }
}

begin({ focus: false });
