import { heading } from "../parts/heading.js";
/** @param {HTMLElement} main */
export function show(main) {
  main.replaceChildren(heading("nodes", ""));
}
