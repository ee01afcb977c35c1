/**
 * What the SDK uses of the browser, in one object, so that tests bring their own sockets, time and chance.
 *
 * @module
 */
export type Platform = {
    WebSocket: new (url: string, protocols: string[]) => WebSocket;
    fetch: (url: string, init: RequestInit) => Promise<Response>;
    setTimeout: (run: () => void, delayMs: number) => unknown;
    clearTimeout: (timer: any) => void;
    /**
     * milliseconds since 1970
     */
    now: () => number;
    /**
     * from 0 to 1
     */
    random: () => number;
    /**
     * missing outside secure contexts
     */
    locks: Pick<LockManager, "request"> | undefined;
    BroadcastChannel: (new (name: string) => BroadcastChannel) | undefined;
    window: EventTarget | undefined;
    document: (EventTarget & {
        visibilityState: string;
    }) | undefined;
};
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
export declare function browser(): Platform;
