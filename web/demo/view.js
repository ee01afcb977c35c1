/**
 * Views are the templates of `index.html`; this puts them up, fills their slots with text, and tells screen
 * readers. Nothing here or elsewhere on the page makes HTML out of strings.
 *
 * @module
 */

/** @param {string} id */
function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`index.html has no #${id}`);
  return element;
}

/**
 * A copy of a template's one element.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function copyOf(id) {
  const template = /** @type {HTMLTemplateElement} */ (byId(id));
  return /** @type {HTMLElement} */ (template.content.firstElementChild?.cloneNode(true) ?? fail(id));
}

/** @returns {never} */
function fail(/** @type {string} */ id) {
  throw new Error(`#${id} is empty`);
}

/**
 * @template {HTMLElement} [E=HTMLElement]
 * @param {ParentNode} root
 * @param {string} name
 * @returns {E}
 */
export function slot(root, name) {
  return /** @type {E} */ (root.querySelector(`[data-slot="${name}"]`)) ?? fail(name);
}

/**
 * Shows a view and moves the focus to its title, so that it is read and Tab goes on from there.
 * @param {"login" | "home" | "out" | "unreachable"} name
 * @param {{focus?: boolean}} [how] `focus: false` where nobody has done anything yet
 * @returns {HTMLElement}
 */
export function show(name, { focus = true } = {}) {
  const view = copyOf(`view-${name}`);
  byId("main").replaceChildren(view);
  const title = view.querySelector("h1");
  showTitle(title?.textContent ?? "");
  if (focus) title?.focus();
  return view;
}

/** @param {string} title for the tab too, which may be all that is seen of the page */
export function showTitle(title) {
  document.title = `${title} · Hotseat`;
}

/**
 * @param {HTMLElement} element
 * @param {string} text hides the element if empty
 */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
  element.hidden = text === "";
}

/** @param {string} text to be read out, whatever has the focus */
export function announce(text) {
  byId("announcer").textContent = text;
}

/**
 * @param {string} state
 * @param {string} text
 */
export function showStatus(state, text) {
  const status = byId("status");
  status.dataset.state = state;
  if (status.textContent !== text) status.textContent = text;
}

/**
 * Fills a list of facts; those without a value are left out.
 * @param {HTMLElement} list
 * @param {[string, string | null | undefined][]} facts
 */
export function showFacts(list, facts) {
  const rows = facts.filter(([, value]) => value).map(([name, value]) => {
    const row = copyOf("part-fact");
    slot(row, "name").textContent = name;
    slot(row, "value").textContent = value ?? "";
    return row;
  });
  list.replaceChildren(...rows);
}
