/**
 * What the SDK uses of the browser, in one object, so that tests bring their own sockets, time and chance.
 *
 * @module
 */

/**
 * @typedef {object} Platform
 * @property {new (url: string, protocols: string[]) => WebSocket} WebSocket
 * @property {(url: string, init: RequestInit) => Promise<Response>} fetch
 * @property {(run: () => void, delayMs: number) => unknown} setTimeout
 * @property {(timer: any) => void} clearTimeout
 * @property {() => number} now milliseconds since 1970
 * @property {() => number} random from 0 to 1
 * @property {Pick<LockManager, "request"> | undefined} locks missing outside secure contexts
 * @property {(new (name: string) => BroadcastChannel) | undefined} BroadcastChannel
 * @property {EventTarget | undefined} window
 * @property {(EventTarget & {visibilityState: string}) | undefined} document
 */

/**
 * The browser that this runs in.
 * @returns {Platform}
 */
export function browser() {
  return {
    WebSocket: globalThis.WebSocket,
    fetch: (url, init) => globalThis.fetch(url, init),
    setTimeout: (run, delayMs) => globalThis.setTimeout(run, delayMs),
    clearTimeout: (timer) => globalThis.clearTimeout(timer),
    now: () => Date.now(),
    random: () => Math.random(),
    locks: globalThis.navigator?.locks,
    BroadcastChannel: globalThis.BroadcastChannel,
    window: globalThis.window,
    document: globalThis.document,
  };
}
