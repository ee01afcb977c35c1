/**
 * Which page an address is, and the way from one to the other without loading anything again.
 *
 * @module
 */

const ROOT = "/admin";

/**
 * @typedef {object} Place
 * @property {string} page the first word of the path; "" at the root
 * @property {string | null} id what follows it, decoded
 * @property {URLSearchParams} query
 */

/** @type {(place: Place) => void} */
let arrive = () => {};

/** @returns {Place} */
export function here() {
  const [page = "", ...rest] = location.pathname.slice(ROOT.length + 1).split("/");
  return { page, id: rest.length > 0 ? decoded(rest.join("/")) : null, query: new URLSearchParams(location.search) };
}

/**
 * @param {string} page
 * @param {string | null} [id]
 * @param {Record<string, string>} [query] what is empty is left out
 */
export function linkTo(page, id = null, query = {}) {
  const filled = Object.entries(query).filter(([, value]) => value !== "");
  const search = new URLSearchParams(filled).toString();
  const path = [ROOT, page, id === null ? "" : encodeURIComponent(id)].filter(Boolean).join("/");
  return `${path}${search && `?${search}`}`;
}

/** @param {string} href within the console */
export function go(href) {
  if (href !== location.pathname + location.search) history.pushState(null, "", href);
  arrive(here());
}

/**
 * Writes into the address what the page shows now, so that a reload or a colleague sees the same.
 * @param {Record<string, string>} query
 */
export function remember(query) {
  const { page, id } = here();
  history.replaceState(null, "", linkTo(page, id, query));
}

/** @param {(place: Place) => void} show */
export function startRouting(show) {
  arrive = show;
  addEventListener("popstate", () => arrive(here()));
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    if (!link || !plain || link.target || link.hasAttribute("download") || event.defaultPrevented) return;
    if (link.origin !== location.origin || !`${link.pathname}/`.startsWith(`${ROOT}/`)) return;
    event.preventDefault();
    go(link.pathname + link.search);
  });
  arrive(here());
}

/** @param {string} text a broken escape stays what it is */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
