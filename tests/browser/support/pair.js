/**
 * Two nodes on one Redis behind one address, as a balancer shows them: each connection goes to the first that takes it.
 * For what a single restarting node cannot show: a page that comes back on another.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { freePort, Node } from "./node.js";
import { until } from "./until.js";

export class Pair {
  #directory = mkdtempSync(join(tmpdir(), "hotseat-pair-"));
  #redis;
  #balancer;
  #settings;
  /** @type {Set<import("node:net").Socket>} the browsers' ends */
  #carried = new Set();
  /** @type {Node[]} */
  nodes = [];

  /** @param {Record<string, string>} [settings] of both nodes */
  constructor(settings = {}) {
    this.#settings = settings;
  }

  get url() {
    return `http://127.0.0.1:${this.#balancer.address().port}`;
  }

  async start() {
    const port = await freePort();
    const args = ["--bind", "127.0.0.1", "--port", `${port}`, "--save", "", "--dir", this.#directory];
    const redis = spawn("redis-server", args, { stdio: "ignore", env: { PATH: `${process.env.PATH}:/usr/sbin:/sbin` } });
    this.#redis = redis;
    const takeAlong = () => redis.kill("SIGKILL");
    process.once("exit", takeAlong);
    redis.once("exit", () => process.off("exit", takeAlong));
    await until("Redis listens", () => reach(port).then((socket) => socket.end()));
    this.#balancer = createServer((client) => this.#carry(client)).listen(0, "127.0.0.1");
    await once(this.#balancer, "listening");
    // Cookies and the Origin rule go by the address that the browser sees: the balancer's, or a node's own.
    const ports = [await freePort(), await freePort()];
    const origins = JSON.stringify([this.url, ...ports.map((each) => `http://127.0.0.1:${each}`)]);
    const settings = { STORE: `redis://127.0.0.1:${port}`, PUBLIC_URL: this.url, ALLOWED_ORIGINS: origins, ...this.#settings };
    this.nodes = ports.map((each) => new Node(settings, each));
    await Promise.all(this.nodes.map((node) => node.start()));
    return this;
  }

  /** Stops the store in its tracks, or lets it go on. */
  holdStore(hold) {
    this.#redis.kill(hold ? "SIGSTOP" : "SIGCONT");
  }

  /** Cuts all connections through the balancer. */
  cut() {
    for (const socket of this.#carried) socket.destroy();
  }

  async remove() {
    this.#balancer?.close();
    await Promise.all(this.nodes.map((node) => node.remove()));
    this.#redis?.kill("SIGKILL");
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #carry(client) {
    for (const { port } of this.nodes) {
      const server = await reach(port).catch(() => null);
      if (!server) continue;
      this.#carried.add(client);
      client.once("close", () => this.#carried.delete(client));
      for (const [from, to] of [[client, server], [server, client]]) {
        from.on("error", () => to.destroy());
        from.on("close", () => to.end());
        from.pipe(to);
      }
      return;
    }
    client.destroy();
  }
}

/** A connection, or why there is none. */
async function reach(port) {
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  return socket;
}
