/**
 * Light, dark, or as the system is; remembered in this browser.
 *
 * @module
 */

import { fill, h, icon } from "../dom.js";

const KEY = "hotseat-theme";
const THEMES = /** @type {const} */ ([
  ["", "system", "Theme of the system"],
  ["light", "sun", "Light theme"],
  ["dark", "moon", "Dark theme"],
]);

export function themeButton() {
  const root = document.documentElement;
  const button = h("button", { type: "button", class: "bare" });
  const show = () => {
    const [, name, label] = THEMES.find(([theme]) => theme === (root.dataset.theme ?? "")) ?? THEMES[0];
    fill(button, icon(name));
    button.setAttribute("aria-label", label);
    button.title = label;
  };
  button.addEventListener("click", () => {
    const at = THEMES.findIndex(([theme]) => theme === (root.dataset.theme ?? ""));
    const [next] = THEMES[(at + 1) % THEMES.length];
    if (next) root.dataset.theme = next;
    else delete root.dataset.theme;
    try {
      localStorage.setItem(KEY, next);
    } catch {
      // Without storage it lasts as long as the page.
    }
    show();
  });
  show();
  return button;
}
