/** The real server: spawned on a free loopback port over a store in a temporary directory. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { until } from "./until.js";

const BINARY = process.env.HOTSEAT_BIN ?? fileURLToPath(new URL("../../../target/debug/hotseat", import.meta.url));

export class Node {
  #directory = mkdtempSync(join(tmpdir(), "hotseat-browser-"));
  #settings;
  #child;
  #log = "";

  /**
   * @param {Record<string, string>} settings as variables: `{ON_FULL: "choose"}`; the store is a directory, unless it says otherwise
   * @param {number} [port] a free one by default
   */
  constructor(settings = {}, port) {
    this.port = port;
    // A restart spreads its goodbyes over half of the drain.
    const all = { DRAIN_TIMEOUT: "2s", STORE: `embedded:${this.#directory}`, ...settings };
    this.#settings = Object.fromEntries(Object.entries(all).map(([key, value]) => [`HOTSEAT_${key}`, value]));
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Starts, or starts again on the same port and store. */
  async start() {
    if (!existsSync(BINARY)) throw new Error(`no server at ${BINARY}: build it, or say where with HOTSEAT_BIN`);
    this.port ??= await freePort();
    const args = ["serve", "--demo", "--listen", `127.0.0.1:${this.port}`];
    const child = spawn(BINARY, args, { env: { PATH: process.env.PATH, ...this.#settings }, cwd: this.#directory });
    this.#child = child;
    // Should this process be told to go, the server goes with it.
    const takeAlong = () => child.kill("SIGKILL");
    process.once("exit", takeAlong);
    child.once("exit", () => process.off("exit", takeAlong));
    child.stdout.on("data", (text) => (this.#log += text));
    child.stderr.on("data", (text) => (this.#log += text));
    await until("the server is ready", async () => {
      if (child.exitCode !== null) throw new Error(`the server gave up:\n${this.#log}`);
      return (await fetch(`${this.url}/readyz`)).ok;
    });
    return this;
  }

  async stop(signal = "SIGTERM") {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill(signal);
    const impatience = setTimeout(() => child.kill("SIGKILL"), 10_000);
    const [, killedBy] = await gone;
    clearTimeout(impatience);
    if (signal === "SIGTERM" && killedBy) throw new Error(`the server did not stop by itself:\n${this.#log}`);
  }

  async remove() {
    await this.stop("SIGKILL");
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

export async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}
