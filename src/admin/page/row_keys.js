/** Going from row to row with the keyboard. */

/** @type {Readonly<Record<string, number>>} */
const STEPS = { ArrowDown: 1, ArrowUp: -1 };

/**
 * From the button of one row to that of the next or the one before, which is scrolled into sight.
 * @param {KeyboardEvent} event
 * @param {HTMLTableSectionElement} body
 */
export function moveBetweenRows(event, body) {
  const step = STEPS[event.key];
  if (step === undefined) return;
  const buttons = [...body.querySelectorAll("button")];
  const focused = buttons.findIndex((button) => button === document.activeElement);
  const next = focused === -1 ? undefined : buttons[focused + step];
  if (next === undefined) return;
  event.preventDefault();
  for (const button of buttons) button.tabIndex = button === next ? 0 : -1;
  next.focus();
}
