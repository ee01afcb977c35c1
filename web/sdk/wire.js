/**
 * One socket, from its opening to its loss: bounds the handshake, listens for life, tells what it hears. After
 * `closed` was told, or after `drop`, it tells nothing more.
 *
 * @module
 */

/** @import {Platform} from "./platform.js" */

import { Monitor } from "./monitor.js";
import { readMessage, SUBPROTOCOL } from "./protocol.js";

/** From the first packet to `welcome`. */
const HANDSHAKE_MS = 15_000;
/** What a browser calls a connection that ended without a close frame. */
const LOST = 1006;

export class Wire {
  #platform;
  #socket;
  #monitor;
  #handshake;
  welcomed = false;

  /**
   * @param {Platform} platform
   * @param {WebSocket} socket
   * @param {{message: (message: any) => void, closed: (code: number) => void}} tell
   */
  constructor(platform, socket, tell) {
    const closed = (/** @type {number} */ code) => {
      this.drop();
      tell.closed(code);
    };
    this.#platform = platform;
    this.#socket = socket;
    this.#monitor = new Monitor(platform, { ping: () => this.send("ping"), lost: () => closed(LOST) });
    this.#handshake = platform.setTimeout(() => closed(LOST), HANDSHAKE_MS);
    socket.onclose = ({ code }) => closed(code);
    socket.onmessage = ({ data }) => {
      this.#monitor.heard();
      const message = readMessage(data);
      if (message) tell.message(message);
    };
  }

  /** @param {number} heartbeatS */
  welcome(heartbeatS) {
    this.#platform.clearTimeout(this.#handshake);
    this.welcomed = true;
    this.#monitor.start(heartbeatS);
  }

  /** Asks whether the other end still lives. */
  check() {
    this.#monitor.check();
  }

  /** @param {string} text */
  send(text) {
    if (this.#socket.readyState === 1) this.#socket.send(text);
  }

  /** Lets go. A dead network answers no close, so nobody waits for it. */
  drop() {
    this.#platform.clearTimeout(this.#handshake);
    this.#monitor.stop();
    this.#socket.onmessage = null;
    this.#socket.onclose = null;
    this.#socket.close();
  }
}

/**
 * A token goes as a second subprotocol, because that counts before a cookie and stays out of the URL.
 * @param {Platform} platform
 * @param {URL} base
 * @param {string | null} token
 */
export function openSocket(platform, base, token) {
  const url = new URL("ws", base);
  url.protocol = base.protocol === "https:" ? "wss:" : "ws:";
  return new platform.WebSocket(url.href, token ? [SUBPROTOCOL, `bearer.${token}`] : [SUBPROTOCOL]);
}
