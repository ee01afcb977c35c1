/**
 * Search and filters above a table. What they say is the page's address, too.
 *
 * @module
 */

import { h, icon } from "../dom.js";

const DEBOUNCE_MS = 180;

/**
 * @param {string} label
 * @param {string} value
 * @param {(text: string) => void} search once the typing pauses
 * @param {string} [hint]
 */
export function searchField(label, value, search, hint = "Press / to search") {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const input = h("input", { type: "search", id: "search", placeholder: label, "aria-label": label, title: hint, value, autocomplete: "off", autocapitalize: "none", spellcheck: "false", maxlength: 128 });
  const now = () => {
    clearTimeout(timer);
    search(input.value.trim());
  };
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(now, DEBOUNCE_MS);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") now();
    if (event.key === "Escape") input.blur();
  });
  return h("div", { class: "search" }, icon("search"), input, h("kbd", { "aria-hidden": "true" }, "/"));
}

/**
 * @param {string} label
 * @param {[value: string, text: string][]} options
 * @param {string} value
 * @param {(value: string) => void} choose
 */
export function choice(label, options, value, choose) {
  const select = h(
    "select",
    { "aria-label": label },
    options.map(([option, text]) => h("option", { value: option, selected: option === value }, text)),
  );
  select.addEventListener("change", () => choose(select.value));
  return select;
}

/** Puts the cursor into the search of the page. */
export const SEARCH_SHORTCUT = {
  keys: "/",
  label: "Search",
  run: () => /** @type {HTMLInputElement | null} */ (document.querySelector("#search"))?.select(),
};

/**
 * One of a few, as buttons side by side.
 * @param {string} label
 * @param {[value: string, text: string][]} options
 * @param {string} value
 * @param {(value: string) => void} choose
 */
export function segments(label, options, value, choose) {
  const buttons = options.map(([option, text]) => {
    const button = h("button", { type: "button", "aria-pressed": `${option === value}` }, text);
    button.addEventListener("click", () => {
      for (const other of buttons) other.setAttribute("aria-pressed", `${other === button}`);
      choose(option);
    });
    return button;
  });
  return h("div", { class: "segments", role: "group", "aria-label": label }, buttons);
}
