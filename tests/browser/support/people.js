/**
 * People with browsers. Each has a profile of their own (cookies, locks, channels) in one Chromium, and may open
 * several tabs. Whatever a page does wrong by itself fails the test: an exception, a breach of its content
 * policy, a request to anywhere else.
 */

import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after } from "node:test";
import { fileURLToPath } from "node:url";

import { chromium } from "playwright-core";

import { Node } from "./node.js";
import { Pair } from "./pair.js";

const PICTURES = fileURLToPath(new URL("../pictures/", import.meta.url));
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const DEADLINE_MS = 30_000;
const ARGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** One Chromium for the tests of a file. */
const browser = chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ARGS });
after(async () => (await browser).close());

/**
 * Runs a test with a server and people, and clears both away.
 * @param {(world: {node: Node, person: (options?: object) => Promise<Person>}) => Promise<void>} story
 * @param {Record<string, string>} [settings] of the server
 */
export async function withPeople(story, settings) {
  await withPeopleAt(new Node(settings), story);
}

/** The same with two nodes behind one address; `node` is a `Pair`. */
export async function withPeopleAndTwoNodes(story, settings) {
  await withPeopleAt(new Pair(settings), story);
}

async function withPeopleAt(node, story) {
  const wrongs = [];
  const contexts = [];
  const person = async ({ at = node, ...options } = {}) => {
    contexts.push(await (await browser).newContext(options));
    return new Person(at, contexts.at(-1), wrongs);
  };
  try {
    await node.start();
    await story({ node, person });
    assert.deepEqual(wrongs, []);
  } finally {
    await Promise.all(contexts.map((context) => context.close()));
    await node.remove();
  }
}

export class Person {
  #node;
  #wrongs;

  constructor(node, context, wrongs) {
    this.#node = node;
    this.#wrongs = wrongs;
    this.context = context;
    context.setDefaultTimeout(DEADLINE_MS);
  }

  /** @param {string} [path] */
  async openTab(path = "") {
    const page = await this.context.newPage();
    page.sockets = [];
    page.on("websocket", (socket) => page.sockets.push(socket));
    page.on("pageerror", (error) => this.#wrongs.push(`${error}`));
    page.on("console", (message) => /Content.Security.Policy/i.test(message.text()) && this.#wrongs.push(message.text()));
    page.on("request", (request) => new URL(request.url()).host === new URL(this.#node.url).host || this.#wrongs.push(request.url()));
    await page.goto(`${this.#node.url}${path}`);
    return page;
  }

  /** Opens a WebSocket to a node; what it is told stands in `told` of the page. */
  async openSocket(port, token) {
    const page = await this.context.newPage();
    await page.evaluate(
      ([url, protocols]) =>
        new Promise((resolve, reject) => {
          const socket = new WebSocket(url, protocols);
          // What it is told, for a test to look at.
          globalThis.told = [];
          [socket.onopen, socket.onclose] = [resolve, reject];
          socket.onmessage = ({ data }) => globalThis.told.push(JSON.parse(data));
        }).then(() => {}),
      [`ws://127.0.0.1:${port}/ws`, ["hotseat.v1", `bearer.${token}`]],
    );
    return page;
  }

  /** Opens the page and signs in. */
  async signIn(username = "user1") {
    const page = await this.openTab();
    await submitLogin(page, username);
    await seated(page);
    return page;
  }

  /** This person's sessions, as the server sees them. */
  async sessions() {
    const answer = await this.context.request.get(`${this.#node.url}/api/auth/sessions`);
    assert.equal(answer.status(), 200);
    return (await answer.json()).sessions;
  }
}

/** The passwords of the demo: of `user1` it is `password1`, of the others their name. */
export async function submitLogin(page, username, password = username.replace("user", "password")) {
  await page.getByLabel("User name").fill(username);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

/** Waits until the page has the seat and a live connection. */
export async function seated(page) {
  await page.getByRole("heading", { name: "You have the seat" }).waitFor();
  await status(page, "Live");
}

export async function status(page, text) {
  await page.getByRole("status").filter({ hasText: text }).waitFor();
}

/** Waits for the put-out page and reads it. */
export async function putOut(page, title = "Your seat was taken") {
  await page.getByRole("heading", { name: title }).waitFor();
  const facts = await page.locator(".facts > div").evaluateAll((rows) => rows.map((row) => [...row.children].map(({ textContent }) => textContent)));
  return Object.fromEntries(facts);
}

/** Sockets of a page that are open now. */
export function openSockets(page) {
  return page.sockets.filter((socket) => !socket.isClosed());
}

/** For people to look at; nothing compares them. */
export async function picture(page, name) {
  mkdirSync(PICTURES, { recursive: true });
  await page.screenshot({ path: `${PICTURES}${name}.png`, fullPage: true, animations: "disabled" });
}

/** Holds the page against the rules of WCAG 2.2 AA that a program can check. */
export async function assertAccessible(page, view) {
  await page.evaluate(AXE);
  const found = await page.evaluate(async () => {
    await Promise.all(document.getAnimations().map(({ finished }) => finished));
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
    const { violations } = await globalThis.axe.run(document, { runOnly: tags });
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
  });
  assert.deepEqual(found, [], view);
}
