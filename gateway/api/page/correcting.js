// Confirming and correcting a set: shared by the history and the phone.

import { element, exerciseName, identifier, kilograms } from "./dom.js";

export const UNKNOWN = "unknown";
const WEIGHT_STEP_KG = 2.5;
const VALUE_MAX = 1000;

export function title(exercise) {
  return exercise === UNKNOWN ? "Unknown exercise" : exerciseName(exercise);
}

/** Two rows with a button on either side, which change `set.repetitions` and `set.weight_kg`. */
export function amounts(set) {
  const weight = (value) => (value ? kilograms(value) : "none");
  return [
    stepper("Repetitions", set.repetitions, 1, String, (value) => (set.repetitions = value)),
    stepper("Weight", set.weight_kg, WEIGHT_STEP_KG, weight, (value) => (set.weight_kg = value)),
  ];
}

function stepper(name, start, step, words, onChange) {
  let value = start ?? 0;
  const output = element("output", {}, words(value));
  const change = (by) => {
    value = Math.max(0, Math.min(VALUE_MAX, value + by));
    output.textContent = words(value);
    onChange(value);
  };
  const less = element("button", { type: "button", "aria-label": `${name}: less` }, "−");
  const more = element("button", { type: "button", "aria-label": `${name}: more` }, "+");
  less.addEventListener("click", () => change(-step));
  more.addEventListener("click", () => change(step));
  return element("div", { class: "stepper", role: "group", "aria-label": name }, element("span", {}, name), less, output, more);
}

/** A button for each of `names`, and a field for another; the chosen name goes to `onChosen`. */
export function exerciseChoices(names, onChosen) {
  const buttons = names.map((name) => {
    const button = element("button", { type: "button" }, title(name));
    button.addEventListener("click", () => onChosen(name));
    return button;
  });
  const input = element("input", { id: "other", type: "text", maxlength: 64, autocomplete: "off", autocapitalize: "off" });
  const other = element("form", { class: "pair" }, input, element("button", {}, "Take it"));
  other.addEventListener("submit", (event) => {
    event.preventDefault();
    const name = identifier(input.value);
    if (name) onChosen(name);
  });
  return [
    element("div", { class: "choices" }, ...buttons),
    element("label", { for: "other" }, "Something else"),
    other,
  ];
}

/** Shows `dialog` with a title, `parts` and a way back; gives a function that closes it. */
export function showDialog(dialog, name, parts) {
  const back = element("button", { type: "button", class: "quiet" }, "Go back");
  const close = () => dialog.close();
  back.addEventListener("click", close);
  dialog.replaceChildren(element("h2", { id: `${dialog.id}-title` }, name), ...parts, back);
  dialog.showModal();
  return close;
}
