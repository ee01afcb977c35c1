/**
 * Who looks: the administrator's own session, which is a Hotseat session like any other, under its own limits.
 *
 * @module
 */

/** @import {Session} from "../sdk/model.js" */

import { Hotseat } from "../sdk/hotseat.js";

export const hotseat = new Hotseat();

/** @type {Session | null} */
let session = null;

export const me = {
  get session() {
    return session;
  },

  set session(/** @type {Session | null} */ value) {
    session = value;
  },

  get name() {
    return session?.user_id ?? "";
  },

  /** Whether acts are offered; the server decides by itself whether they are done. */
  get mayAct() {
    return session?.roles?.includes("admin") ?? false;
  },

  get mayLook() {
    return this.mayAct || (session?.roles?.includes("auditor") ?? false);
  },
};
