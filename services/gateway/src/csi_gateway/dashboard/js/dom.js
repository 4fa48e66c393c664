// Small functions over the document; nothing here knows what the page is about.

import { minus } from "./format.js";

/** The element with this id; a missing one is a mistake in index.html. */
export function byId(id) {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`index.html has no element with the id ${id}`);
  return element;
}

/** Makes an element: `properties` are set on it, `data` and `aria` as attributes; children are elements or text. */
export function make(tag, properties = {}, ...children) {
  const { data = {}, aria = {}, ...rest } = properties;
  const element = document.createElement(tag);
  Object.assign(element, rest);
  for (const [name, value] of Object.entries(data)) element.dataset[name] = value;
  for (const [name, value] of Object.entries(aria)) element.setAttribute(`aria-${name}`, value);
  element.append(...children);
  return element;
}

/** Sets the text only when it differs, so that assistive technology is not told of changes that are none. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Shows `text` in an element that is hidden while there is nothing to say. */
export function sayOrHide(element, text) {
  element.hidden = !text;
  say(element, text || "");
}

/** Puts a number on the page as `<data value="exact">rounded</data>`; null is said, never shown as 0. */
export function sayNumber(element, value, digits) {
  if (value === null || value === undefined) {
    element.classList.add("unknown");
    say(element, "cannot say");
    return;
  }
  element.classList.remove("unknown");
  let data = element.firstElementChild;
  if (data === null) {
    data = make("data");
    element.replaceChildren(data);
  }
  data.value = String(value);
  say(data, minus(value.toFixed(digits)));
}
