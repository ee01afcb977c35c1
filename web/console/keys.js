/**
 * The keyboard: single keys and "g, then a letter", never while somebody types or a dialog asks.
 *
 * @module
 */

import { h } from "./dom.js";

const CHORD_MS = 1200;

/**
 * @typedef {object} Shortcut
 * @property {string} keys as `KeyboardEvent.key` says, two of them with a space between
 * @property {string} label
 * @property {() => void} run
 */

/** @type {Set<Shortcut>} */
const shortcuts = new Set();
let pending = "";
let pendingUntil = 0;

/**
 * @param {Shortcut[]} added
 * @param {AbortSignal} [signal] when they go
 */
export function addShortcuts(added, signal) {
  for (const shortcut of added) shortcuts.add(shortcut);
  signal?.addEventListener("abort", () => added.forEach((shortcut) => shortcuts.delete(shortcut)));
}

export function startKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
    const keys = Date.now() < pendingUntil ? `${pending} ${event.key}` : event.key;
    pendingUntil = 0;
    // The latest wins: a page's own stand above those of everywhere.
    const shortcut = [...shortcuts].reverse().find((candidate) => candidate.keys === keys);
    if (shortcut) {
      event.preventDefault();
      shortcut.run();
    } else if ([...shortcuts].some((candidate) => candidate.keys.startsWith(`${event.key} `))) {
      [pending, pendingUntil] = [event.key, Date.now() + CHORD_MS];
    }
  });
}

export function showHelp() {
  const rows = [...shortcuts].map(({ keys, label }) =>
    h("div", null, h("dt", null, keys.split(" ").map((key) => h("kbd", null, nameOf(key)))), h("dd", null, label)),
  );
  const close = h("button", { type: "button", class: "primary", on: { click: () => dialog.close() } }, "Close");
  const dialog = h(
    "dialog",
    { class: "ask help", "aria-labelledby": "dialog-title" },
    h("h2", { id: "dialog-title" }, "Keyboard"),
    h("dl", { class: "keys" }, rows),
    h("p", { class: "actions" }, close),
  );
  const opener = /** @type {HTMLElement | null} */ (document.activeElement);
  dialog.addEventListener("close", () => {
    dialog.remove();
    opener?.focus();
  });
  document.body.append(dialog);
  dialog.showModal();
}

/** @param {string} key */
function nameOf(key) {
  return { ArrowDown: "↓", ArrowUp: "↑", Enter: "Enter", Escape: "Esc", " ": "Space" }[key] ?? key;
}

/** @param {EventTarget | null} target */
function isTyping(target) {
  if (target instanceof HTMLInputElement) return !["checkbox", "radio", "button"].includes(target.type);
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement;
}
