/** `/` focuses the filter of the connections; Escape in a filter clears it, then leaves it. */

/**
 * @param {HTMLInputElement} main the one that `/` focuses
 * @param {readonly HTMLInputElement[]} filters
 */
export function watchFilterKeys(main, filters) {
  document.addEventListener("keydown", (event) => {
    const { target, key } = event;
    if (key !== "/" || event.ctrlKey || event.metaKey || event.altKey || isTyping(target)) return;
    event.preventDefault();
    main.focus();
    main.select();
  });
  for (const filter of filters) {
    filter.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      if (filter.value === "") return filter.blur();
      filter.value = "";
      filter.dispatchEvent(new Event("input"));
    });
  }
}

/** @param {EventTarget | null} target */
function isTyping(target) {
  return target instanceof HTMLInputElement && ["text", "search", "password"].includes(target.type);
}
