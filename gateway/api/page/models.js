// Trained models, how well they do, and which one devices are offered.

import { get } from "./client.js";
import { counted, day, duration, element, emptyState, exerciseName, percent, time } from "./dom.js";

const list = document.getElementById("models-list");
const count = document.getElementById("models-count");
const SHADE_POWER = 0.6; // few confusions shall be seen too
const DEEP_SHARE = 0.4; // beyond, a cell is dark and its text light: between, neither text could be read
const SHADE_MAX = 0.6; // of the others
const DEEP_SHADE_MIN = 0.9;

let shown = "";

/** Reads the models again; draws only if something changed, and keeps what is open. */
export async function refresh() {
  const { items } = await get("v1/models");
  const text = JSON.stringify(items);
  if (text === shown) return;
  const first = items.find((model) => model.current) ?? items[0];
  const openIds = [...list.querySelectorAll("details[open]")].map((node) => node.dataset.model);
  const open = new Set(shown ? openIds : [first?.model_id]);
  shown = text;
  count.textContent = items.length ? counted(items.length, "model", "models") : "";
  items.sort((one, other) => Number(other.current) - Number(one.current));
  list.replaceChildren(...items.map((model) => modelBox(model, open.has(model.model_id))));
  if (!items.length) {
    list.append(emptyState(
      "No model yet",
      "Confirm what you did after each set: the night trains the first model from confirmed sets.",
    ));
  }
}

function modelBox(model, open) {
  const [newest] = model.evaluations;
  const detail = element("div", { class: "detail" });
  const box = element(
    "details",
    { class: "box model", "data-model": model.model_id },
    element(
      "summary", {},
      element("span", { class: "when" }, sensorNames(model.sensor_set)),
      model.current ? element("span", { class: "state exercising" }, "served") : null,
      model.scope === "everyone" ? null : element("span", { class: "tag" }, model.scope),
      element(
        "span", { class: "figures" },
        figure("accuracy", newest?.accuracy), figure("macro F1", newest?.f1_macro),
      ),
      element("span", { class: "muted facts" }, facts(model)),
    ),
    detail,
  );
  box.addEventListener("toggle", () => box.open && fillDetail(detail, model.model_id));
  box.open = open;
  return box;
}

function sensorNames(sensorSet) {
  const names = { a: "accelerometer", g: "gyroscope", h: "heart rate", u: "upper strain", l: "lower strain" };
  const [letters, rateHz] = sensorSet.split("@");
  const words = letters.split(",").map((letter) => names[letter] ?? letter).join(" + ");
  return `${exerciseName(words)}, ${rateHz}\u00a0Hz`;
}

function figure(name, share) {
  return element("span", { class: "figure-pair" }, element("b", {}, share == null ? "—" : percent(share)), ` ${name}`);
}

function facts(model) {
  return [
    counted(model.classes.filter((name) => name !== "rest").length, "exercise", "exercises"),
    `${(model.byte_count / 1024).toFixed(1)}\u00a0KiB`,
    counted(model.parameter_count, "parameter", "parameters"),
    `trained ${day(model.created_ms)}, ${time(model.created_ms)}, in ${duration(model.train_seconds * 1000)}`,
  ].join("\u00a0· ");
}

async function fillDetail(detail, modelId) {
  if (detail.childElementCount) return;
  try {
    const model = await get(`v1/models/${encodeURIComponent(modelId)}`);
    const [newest] = model.evaluations;
    detail.replaceChildren(
      newest ? evaluationTable(model.evaluations) : element("p", { class: "muted" }, "Not evaluated yet."),
      newest?.confusion.length ? confusionTable(model.classes, newest) : "",
      element("p", { class: "muted small" }, `model ${model.model_id}, SHA-256 ${model.digest.slice(0, 16)}…`),
    );
  } catch (problem) {
    detail.replaceChildren(element("p", { class: "problem" }, problem.message));
  }
}

/** Precision and recall are left out where there is no room. */
function roomy(column) {
  return column === 3 || column === 4 ? "roomy" : "";
}

function evaluationTable(evaluations) {
  const columns = ["Evaluated on", "Windows", "Accuracy", "Precision", "Recall", "F1"];
  return element(
    "div", { class: "wide", tabindex: 0, role: "region", "aria-label": "Evaluations" },
    element(
      "table", { class: "evaluations" },
      element("caption", { class: "unseen" }, "Evaluations, newest first"),
      element("thead", {}, element("tr", {}, ...columns.map((name, index) => element("th", { scope: "col", class: roomy(index) }, name)))),
      element(
        "tbody", {},
        ...evaluations.map((each) =>
          element(
            "tr", {},
            element("th", { scope: "row" }, each.data_set, element("small", {}, day(each.evaluated_ms))),
            element("td", { class: "number" }, each.window_count?.toLocaleString() ?? "—"),
            ...[each.accuracy, each.precision, each.recall, each.f1_macro].map((share, index) =>
              element("td", { class: `number ${roomy(index + 2)}` }, percent(share)),
            ),
          ),
        ),
      ),
    ),
  );
}

function confusionTable(classes, evaluation) {
  const corner = element("td", {}, "");
  const head = classes.map((name) =>
    element("th", { scope: "col" }, element("span", {}, exerciseName(name))),
  );
  return element(
    "div", { class: "wide", tabindex: 0, role: "region", "aria-label": "Confusion matrix" },
    element(
      "table", { class: "confusion" },
      element("caption", {}, "Windows by what was done (rows) and what it was taken for (columns)"),
      element("thead", {}, element("tr", {}, corner, ...head)),
      element("tbody", {}, ...evaluation.confusion.map((row, index) => confusionRow(classes, row, index))),
    ),
  );
}

function confusionRow(classes, row, index) {
  const total = Math.max(1, row.reduce((sum, value) => sum + value, 0));
  const cells = row.map((value, column) => {
    const share = value / total;
    const kind = [column === index ? "hit" : "miss", share > DEEP_SHARE ? "deep" : "", value ? "" : "zero"];
    const cell = element("td", { class: kind.join(" ") }, String(value));
    const shade = share > DEEP_SHARE ? DEEP_SHADE_MIN + (1 - DEEP_SHADE_MIN) * share : SHADE_MAX * share ** SHADE_POWER;
    cell.style.setProperty("--shade-share", shade.toFixed(3));
    return cell;
  });
  return element("tr", {}, element("th", { scope: "row" }, exerciseName(classes[index] ?? "?")), ...cells);
}
