/** Moves between rows with the keyboard. */

/** @type {Readonly<Record<string, number>>} */
const STEPS = { ArrowDown: 1, ArrowUp: -1 };

/**
 * Moves the focus to the button of the next or previous row, and scrolls to it.
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
