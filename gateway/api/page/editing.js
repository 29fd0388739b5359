// Editing what is replaced as a whole: read, changed in a dialog, and written only if it is still what was read.

import { inWords, read, send } from "./client.js";
import { showDialog } from "./correcting.js";
import { element, exerciseName, identifier } from "./dom.js";

const CATALOGUE_PAGE = 200;
const OVERTAKEN = 412;

let catalogue = null; // names of exercises, read once

/**
 * Opens `dialog` over what is at `path`. `make` gives, of what was read, the form's `nodes` and its `value`, the body
 * to write. `onSaved` is called once it is written. What somebody else wrote meanwhile is read again, and what was
 * entered kept: it is written over that only if the user says so once more.
 */
export async function edit({ dialog, name, path, make, onSaved }) {
  const problem = element("p", { class: "problem", role: "alert" });
  const save = element("button", { class: "main" }, "Save");
  const form = element("form", { class: "editor" });
  let made = null;
  let known = null;
  const show = () => {
    made = make(known.body);
    form.replaceChildren(...made.nodes, problem, save);
  };
  const close = showDialog(dialog, name, [form]);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    save.disabled = true;
    problem.replaceChildren();
    try {
      await send("PUT", path, made.value(), { "If-Match": known.tag });
      close();
      await onSaved();
    } catch (failure) {
      if (failure.status === OVERTAKEN) known = await overtaken(path, problem, show).catch(() => known);
      else problem.textContent = inWords(failure);
    } finally {
      save.disabled = false;
    }
  });
  try {
    known = await read(path);
    show();
    form.querySelector("input, select, button").focus();
  } catch (failure) {
    form.replaceChildren(problem);
    problem.textContent = inWords(failure);
  }
}

/** Reads again what was replaced meanwhile, and says what there is to choose. */
async function overtaken(path, problem, show) {
  const found = await read(path);
  const theirs = element("button", { type: "button" }, "Show the other version");
  theirs.addEventListener("click", () => {
    show();
    problem.replaceChildren();
  });
  problem.replaceChildren(
    "Somebody else changed this meanwhile, so nothing was saved. What you entered is still here: save again to replace the other version, or look at it first.",
    theirs,
  );
  return found;
}

/** A field with its label; `value` is a number or null of a number field, else text. */
export function field(label, value, attributes = {}) {
  const input = element("input", { type: "text", autocomplete: "off", ...attributes });
  input.value = value ?? "";
  return {
    node: element("label", {}, element("span", {}, label), input),
    value: () => (input.type === "number" ? (input.value === "" ? null : Number(input.value)) : input.value.trim()),
  };
}

export function numberField(label, value, { least, most, step = 1, required = true }) {
  return field(label, value, { type: "number", min: least, max: most, step, required, inputmode: step === 1 ? "numeric" : "decimal" });
}

/** An exercise by its name as people write it, of those that are known or another. */
export function exerciseField(value) {
  const made = field("Exercise", value === null ? null : exerciseName(value), { required: true, maxlength: 64, list: "exercise-names" });
  return { node: made.node, value: () => exerciseOf(made.value(), value === null ? [] : [value]) };
}

/** Several of them, or none. */
export function exercisesField(label, values) {
  const made = field(`${label}, separated by commas`, values.map(exerciseName).join(", "));
  const texts = () => made.value().split(",").map((text) => text.trim()).filter(Boolean);
  return { node: made.node, value: () => texts().map((text) => exerciseOf(text, values)) };
}

/** Numbers, or none; a comma in one is its point. */
export function numbersField(label, values) {
  const made = field(`${label}, separated by spaces`, values.join(" "), { pattern: "[0-9., ]*", inputmode: "decimal" });
  return { node: made.node, value: () => made.value().replaceAll(",", ".").split(" ").filter(Boolean).map(Number) };
}

/** Fills the list that exercise fields choose from; without it names are typed. */
export async function offerExercises() {
  catalogue ??= await names();
  const list = document.getElementById("exercise-names");
  if (!list.children.length) list.append(...catalogue.map((name) => element("option", { value: exerciseName(name) })));
}

async function names() {
  const found = [];
  for (let cursor = ""; cursor !== null; ) {
    const { body } = await read(`v1/exercises?limit=${CATALOGUE_PAGE}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
    found.push(...body.items.map((item) => item.name));
    cursor = body.next_cursor;
  }
  return found;
}

/** The exercise that people call so: one of those that stood there, of the catalogue, or another. */
function exerciseOf(text, before) {
  const same = (name) => exerciseName(name).toLowerCase() === text.toLowerCase();
  return before.find(same) ?? (catalogue ?? []).find(same) ?? identifier(text);
}

/** Rows that are added and taken away: `row` gives, of an item, `nodes` and their `value`. */
export function rows({ name, items, blank, row, most }) {
  const list = element("div", { class: "rows" });
  const live = [];
  const add = element("button", { type: "button" }, `Add ${name.startsWith("e") ? "an" : "a"} ${name}`);
  const number = () => {
    live.forEach((each, index) => (each.legend.textContent = `${exerciseName(name)} ${index + 1}`));
    add.disabled = live.length >= most;
  };
  const append = (item) => {
    const made = row(item);
    const remove = element("button", { type: "button", class: "quiet" }, `Remove this ${name}`);
    const legend = element("legend");
    const node = element("fieldset", {}, legend, ...made.nodes, remove);
    const entry = { legend, value: made.value, node };
    remove.addEventListener("click", () => {
      live.splice(live.indexOf(entry), 1);
      node.remove();
      number();
      add.focus();
    });
    live.push(entry);
    list.append(node);
    number();
    return node;
  };
  for (const item of items) append(item);
  number();
  add.addEventListener("click", () => append(blank()).querySelector("input, select").focus());
  return { nodes: [list, add], value: () => live.map((each) => each.value()) };
}
