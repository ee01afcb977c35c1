/**
 * A browser of our own for the SDK: its time stands still until a test moves it, its chance is a given number,
 * its sockets do what the test says, and any number of tabs share its locks and channels.
 */

/** Lets everything that is due without waiting happen: promises and messages between tabs. */
export function settle() {
  return new Promise((resolve) => setImmediate(resolve));
}

export class World {
  nowMs = 1_800_000_000_000;
  chance = 0.5;
  /** @type {FakeSocket[]} all that were ever opened */
  sockets = [];
  /** @type {{url: string, init: any}[]} */
  requests = [];
  /** @type {(path: string, init: any) => {status: number, body?: any, headers?: Record<string, string>}} */
  answer = () => ({ status: 401, body: { type: "/problems/credentials-required" } });
  #timers = new Map();
  #nextTimer = 1;
  #channels = new Set();
  #locks = new FakeLocks();

  get socket() {
    return this.sockets.at(-1);
  }

  get openSockets() {
    return this.sockets.filter((socket) => socket.readyState < 2);
  }

  /** Moves time, running each timer at its moment. */
  async pass(ms) {
    const until = this.nowMs + ms;
    for (;;) {
      await settle();
      const due = [...this.#timers].filter(([, timer]) => timer.at <= until).sort(([, a], [, b]) => a.at - b.at)[0];
      if (!due) break;
      this.#timers.delete(due[0]);
      this.nowMs = due[1].at;
      due[1].run();
    }
    this.nowMs = until;
    await settle();
  }

  get pendingTimers() {
    return this.#timers.size;
  }

  /** What one tab sees. Its `window` and `document` are plain event targets. */
  tab({ shared = true } = {}) {
    const world = this;
    const document = Object.assign(new EventTarget(), { visibilityState: "visible" });
    return {
      WebSocket: class extends FakeSocket {
        constructor(url, protocols) {
          super(url, protocols);
          world.sockets.push(this);
        }
      },
      fetch: async (url, init) => {
        world.requests.push({ url, init });
        const { status, body, headers } = world.answer(new URL(url).pathname, init);
        return new Response(body === undefined ? null : JSON.stringify(body), { status, headers });
      },
      setTimeout: (run, delayMs) => {
        world.#timers.set(world.#nextTimer, { run, at: world.nowMs + delayMs });
        return world.#nextTimer++;
      },
      clearTimeout: (timer) => world.#timers.delete(timer),
      now: () => world.nowMs,
      random: () => world.chance,
      locks: shared ? world.#locks : undefined,
      BroadcastChannel: shared ? channelOf(world.#channels) : undefined,
      window: new EventTarget(),
      document,
    };
  }
}

export class FakeSocket {
  readyState = 0;
  sent = [];
  onmessage = null;
  onclose = null;

  constructor(url, protocols) {
    this.url = url;
    this.protocols = protocols;
  }

  send(text) {
    this.sent.push(text);
  }

  close() {
    this.readyState = 3;
  }

  /** The server accepts, and says `message`. */
  says(message) {
    if (this.readyState === 0) this.readyState = 1;
    this.onmessage?.({ data: typeof message === "string" ? message : JSON.stringify(message) });
  }

  /** The server, or the network, closes. */
  closes(code) {
    this.readyState = 3;
    this.onclose?.({ code });
  }
}

class FakeLocks {
  #queues = new Map();

  request(name, { signal }, hold) {
    return new Promise((resolve, reject) => {
      const queue = this.#queues.get(name) ?? [];
      this.#queues.set(name, queue);
      const turn = async () => {
        await hold();
        queue.shift();
        queue[0]?.();
        resolve(undefined);
      };
      signal.addEventListener("abort", () => {
        const place = queue.indexOf(turn);
        if (place < 1) return;
        queue.splice(place, 1);
        reject(signal.reason);
      });
      queue.push(turn);
      if (queue.length === 1) queueMicrotask(turn);
    });
  }
}

function channelOf(channels) {
  return class {
    onmessage = null;

    constructor(name) {
      this.name = name;
      channels.add(this);
    }

    postMessage(message) {
      const data = structuredClone(message);
      for (const other of channels) {
        if (other !== this && other.name === this.name) queueMicrotask(() => other.onmessage?.({ data }));
      }
    }

    close() {
      channels.delete(this);
      this.onmessage = null;
    }
  };
}

export const SESSION = {
  id: "0190a1b2-0000-7000-8000-000000000001",
  user_id: "user1",
  device: { id: "d1", name: "Chrome on Linux", class: "desktop" },
};

export function welcome(session = SESSION) {
  return { type: "welcome", session, server_time: "2026-11-21T08:00:00.000Z", heartbeat_s: 30 };
}

export function forceLogout(reason, by = null) {
  return { type: "force_logout", reason, at: "2026-11-21T08:00:00.000Z", by, message: "Out.", reconnect: false };
}
