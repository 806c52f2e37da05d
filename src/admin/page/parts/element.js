/** Builds and changes the document. Inserts text as text, and writes only what has changed. */

/**
 * The element of page.html with this id.
 * @template {HTMLElement} Type
 * @param {string} id
 * @param {new () => Type} type
 * @returns {Type}
 */
export function byId(id, type) {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new Error(`page.html has no ${type.name} with the id ${id}`);
  return element;
}

/**
 * A new element with attributes and children.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Readonly<Record<string, string>>} [attributes]
 * @param {...(Node | string)} children
 */
export function create(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/**
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Null removes the attribute.
 * @param {Element} element
 * @param {string} name
 * @param {string | null} value
 */
export function setAttribute(element, name, value) {
  if (element.getAttribute(name) === value) return;
  if (value === null) element.removeAttribute(name);
  else element.setAttribute(name, value);
}

/**
 * @param {HTMLElement} element
 * @param {boolean} isHidden
 */
export function setHidden(element, isHidden) {
  if (element.hidden !== isHidden) element.hidden = isHidden;
}

/**
 * Makes these the children of an element, in this order. Never moves the one with the focus, which would lose it; moves
 * the others around it.
 * @param {Element} parent
 * @param {readonly Element[]} children
 */
export function arrange(parent, children) {
  const focused = document.activeElement;
  let cursor = parent.firstElementChild;
  for (const child of children) {
    if (cursor !== child && child.parentNode === parent && child.contains(focused)) {
      while (cursor !== null && cursor !== child) cursor = removeAndAdvance(cursor);
    }
    if (cursor === child) cursor = child.nextElementSibling;
    else parent.insertBefore(child, cursor);
  }
  while (cursor !== null) cursor = removeAndAdvance(cursor);
}

/** @param {Element} element */
function removeAndAdvance(element) {
  const next = element.nextElementSibling;
  element.remove();
  return next;
}
