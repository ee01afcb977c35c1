/** Tabs of a world with a `Hotseat` each, and what they emitted. */

import { Hotseat } from "../../../web/sdk/hotseat.js";
import { settle, welcome } from "./world.js";

export const URL_OF_TEST = "https://seat.example";

/** A tab that writes down its events as `type` or `type:what`. */
export function openTab(world, { shared = true, ...options } = {}) {
  const platform = world.tab({ shared });
  const hotseat = new Hotseat({ url: URL_OF_TEST, platform, ...options });
  const told = [];
  for (const type of ["welcome", "forceLogout", "notice", "restarting", "state"]) {
    hotseat.addEventListener(type, ({ detail }) => told.push(detail.state ?? `${type}:${detail.reason ?? detail.text ?? detail.retry_after_ms ?? detail.session.id}`));
  }
  return { hotseat, platform, told };
}

/** A tab that is connected and welcomed. */
export async function openLiveTab(world, options) {
  const tab = openTab(world, options);
  tab.hotseat.connect();
  await settle();
  world.socket.says(welcome());
  await settle();
  tab.told.length = 0;
  return tab;
}
