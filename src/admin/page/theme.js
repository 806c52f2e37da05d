/** Light or dark: as the system, unless the user chose otherwise. Loaded first, to avoid a flash. */

const KEY = "sluice.theme";

/** @returns {"light" | "dark" | "auto"} */
export function chosenTheme() {
  const theme = localStorage.getItem(KEY);
  return theme === "light" || theme === "dark" ? theme : "auto";
}

/**
 * Shows the switch as chosen, and calls `onChange` when the colours change for any reason.
 * @param {HTMLFieldSetElement} themes
 * @param {() => void} onChange
 */
export function watchTheme(themes, onChange) {
  for (const input of themes.querySelectorAll("input")) {
    input.checked = input.value === chosenTheme();
    input.addEventListener("change", () => {
      if (input.value === "auto") localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, input.value);
      applyTheme();
      onChange();
    });
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", onChange);
}

function applyTheme() {
  document.documentElement.dataset["theme"] = chosenTheme();
}

applyTheme();
