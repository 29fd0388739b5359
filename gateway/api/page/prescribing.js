// Prescribing for a patient: exercises, how often, and the bounds that a repetition shall keep.

import { element } from "./dom.js";
import { edit, exerciseField, numberField, offerExercises, rows } from "./editing.js";

const PRESCRIPTIONS_MAX = 16;
const PERCENT = 100;

const dialog = document.getElementById("prescribing");

/** Opens the programme of `user`; `onSaved` is called when it was changed. */
export function prescribe(user, onSaved) {
  offerExercises().catch(() => null); // names can be typed, too
  const path = `v1/users/${encodeURIComponent(user)}/programme`;
  return edit({ dialog, name: `Programme of ${user}`, path, make, onSaved });
}

function make(programme) {
  const prescriptions = rows({
    name: "exercise", items: programme.prescriptions, row: prescriptionRow, most: PRESCRIPTIONS_MAX,
    blank: () => ({ exercise: null, set_count: 3, repetitions: 10, days_per_week: 3, tempo_s: {}, reach: {}, repetitions_limit: null }),
  });
  const heart = numberField("Stop above so many heart beats a minute", programme.heart_rate_limit, { least: 40, most: 250, required: false });
  return {
    nodes: [...prescriptions.nodes, heart.node],
    value: () => ({ prescriptions: prescriptions.value(), heart_rate_limit: heart.value() }),
  };
}

function prescriptionRow(each) {
  const exercise = exerciseField(each.exercise);
  const sets = numberField("Sets", each.set_count, { least: 1, most: 20 });
  const repetitions = numberField("Repetitions", each.repetitions, { least: 1, most: 200 });
  const days = numberField("Days a week", each.days_per_week, { least: 1, most: 7 });
  const tempo = span("A repetition takes, in s", each.tempo_s, { least: 0.3, most: 60, step: "any" }, 1);
  const reach = span("Reach, in % of the reference", each.reach, { least: 5, most: 300, step: "any" }, PERCENT);
  const limit = numberField("Never more repetitions than", each.repetitions_limit, { least: 1, most: 200, required: false });
  const isBound = [each.tempo_s, each.reach].some(({ least, most }) => least != null || most != null) || each.repetitions_limit;
  return {
    nodes: [
      exercise.node,
      element("div", { class: "fields" }, sets.node, repetitions.node, days.node),
      element("details", { open: Boolean(isBound) }, element("summary", {}, "Bounds of a repetition"), tempo.node, reach.node, limit.node),
    ],
    value: () => ({
      exercise: exercise.value(), set_count: sets.value(), repetitions: repetitions.value(), days_per_week: days.value(),
      tempo_s: tempo.value(), reach: reach.value(), repetitions_limit: limit.value(),
    }),
  };
}

/** From the least to the most; what is left empty is no limit. Shown in `unit`s of what is stored. */
function span(name, { least, most }, limits, unit) {
  const shown = (value) => (value == null ? null : Number((value * unit).toPrecision(6)));
  const stored = (value) => (value === null ? null : value / unit);
  const from = numberField("At least", shown(least), { ...limits, required: false });
  const to = numberField("At most", shown(most), { ...limits, required: false });
  return {
    node: element("div", { class: "fields", role: "group", "aria-label": name }, element("span", { class: "whole" }, name), from.node, to.node),
    value: () => ({ least: stored(from.value()), most: stored(to.value()) }),
  };
}
