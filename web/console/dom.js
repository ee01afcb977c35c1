/**
 * Elements from words. Text is text: nothing in the console makes HTML out of strings, and no style is written inline.
 *
 * @module
 */

/** @typedef {Node | string | number | null | undefined | false} Child */
/** @typedef {Record<string, unknown>} Properties attributes by name; `on`: listeners by event; `data`: data attributes */

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Properties | null} [properties] an attribute that is true has no value, one that is false or null is left out
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, properties, ...children) {
  const element = document.createElement(tag);
  adorn(element, properties ?? {});
  element.append(...present(children));
  return element;
}

/**
 * @param {string} tag
 * @param {Properties} [properties]
 * @param {...Child} children
 * @returns {SVGElement}
 */
export function svg(tag, properties, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  adorn(element, properties ?? {});
  element.append(...present(children));
  return element;
}

/**
 * @param {Element} element
 * @param {...(Child | Child[])} children
 */
export function fill(element, ...children) {
  element.replaceChildren(...present(children));
}

/**
 * An icon of the sheet; it says nothing to screen readers, so words go beside it.
 * @param {string} name
 * @param {string} [className]
 */
export function icon(name, className = "") {
  const use = svg("use", { href: `/console/icons.svg#${name}` });
  return svg("svg", { class: `icon ${className}`.trim(), "aria-hidden": "true", viewBox: "0 0 20 20" }, use);
}

/**
 * Writes only what differs: a text that is set again would be read out again.
 * @param {Element} element
 * @param {string} text
 */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** @param {string} text to be read out, whatever has the focus */
export function announce(text) {
  const announcer = document.getElementById("announcer");
  if (announcer) announcer.textContent = text;
}

/** @param {string} id */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`there is no #${id}`);
  return element;
}

/**
 * @param {(Child | Child[])[]} children
 * @returns {(Node | string)[]}
 */
function present(children) {
  return children
    .flat()
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : String(child)));
}

/**
 * @param {Element} element
 * @param {Properties} properties
 */
function adorn(element, { on, data, ...attributes }) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const [name, value] of Object.entries(data ?? {})) {
    if (value !== null && value !== undefined) element.setAttribute(`data-${name}`, String(value));
  }
  for (const [type, listener] of Object.entries(on ?? {})) element.addEventListener(type, listener);
}
