/** Polls a condition until it holds or a deadline passes. A condition that throws does not hold yet. */

import { setTimeout as pause } from "node:timers/promises";

const DEADLINE_MS = 30_000;
const POLL_MS = 50;

export async function until(what, condition) {
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    const [held, error] = await condition().then((value) => [value, null], (failure) => [false, failure]);
    if (held) return held;
    if (Date.now() > deadline) throw new Error(`never came true: ${what}`, { cause: error });
    await pause(POLL_MS);
  }
}
