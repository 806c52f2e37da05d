/** The keys of faults: which ones a type has, and their values as text. */

/** @import { FaultKeyView, FaultsView, FaultView } from "../../views.ts" */

/**
 * The keys of a type: those that say what the fault does, and those that say to which connections and when.
 * @typedef {{ settings: FaultKeyView[], triggers: FaultKeyView[] }} FaultKeys
 */

/** What a list of faults shows in other ways than as a setting. */
const NO_SETTINGS = new Set(["type", "name", "enabled", "configured", "applied"]);

/** @type {FaultKeyView} */
export const NAME_KEY = {
  name: "name",
  expected: "",
  required: false,
  default: null,
  choices: null,
  description: "In logs, metrics and events. Left out, its type and direction.",
};

/**
 * @param {FaultsView} view
 * @param {string} type
 * @returns {FaultKeys}
 */
export function keysOf({ types, triggers }, type) {
  const found = types.find((each) => each.type === type);
  if (found === undefined) return { settings: [], triggers: [] };
  const direction = found.direction === null ? [] : [directionKey(found.direction)];
  return {
    settings: [...found.parameters, ...direction],
    triggers: triggers.filter(({ name }) => found.triggers.includes(name)),
  };
}

/**
 * @param {string} preset
 * @returns {FaultKeyView}
 */
function directionKey(preset) {
  return {
    name: "direction",
    expected: "",
    required: false,
    default: preset,
    choices: ["upload", "download", "both"],
    description: "Upload is what the client sends, download what the upstream sends.",
  };
}

/**
 * The settings of a fault in one line, without those that are as by default: `200ms, jitter 50ms, download, first 2`.
 * @param {FaultsView} view
 * @param {FaultView} fault
 */
export function describeFault(view, fault) {
  const { settings, triggers } = keysOf(view, fault.type);
  const defaults = new Map([...settings, ...triggers].map((key) => [key.name, key.default]));
  return Object.entries(fault)
    .filter(([key, value]) => !NO_SETTINGS.has(key) && (key === "direction" || value !== defaults.get(key)))
    .map(([key, value]) => {
      const saysItself = key === "direction" || key === fault.type;
      return saysItself ? textOf(value) : `${key} ${textOf(value)}`;
    })
    .join(", ");
}

/**
 * A value as a person types it; "" for none.
 * @param {unknown} value
 */
export function textOf(value) {
  if (value === undefined || value === null) return "";
  return Array.isArray(value) ? value.join(", ") : String(value);
}

/**
 * The value that a person typed. A key that takes a list, as its `expected` says, has commas between the parts.
 * @param {FaultKeyView} key
 * @param {string} text
 */
export function valueOf({ expected }, text) {
  if (text === "") return null;
  if (!text.includes(",") || !expected.endsWith("or a list")) return text;
  return text.split(",").map((part) => part.trim()).filter((part) => part !== "");
}
