// What the lifter sees during a session: one big figure, what to do next, and the last set to confirm.

import { UNKNOWN, amounts, exerciseChoices, showDialog, title } from "../correcting.js";
import { clock, counted, drawing, element, kilograms } from "../dom.js";

const RING = 2 * Math.PI * 52; // the ring's circumference in the drawing's units
const SETS_SHOWN = 8;
const NEWS_KEPT = 4;

const part = (id) => document.getElementById(id);

/** Shows the stage of that name alone, and puts the focus on its title. */
export function showStage(name) {
  for (const id of ["sign-in", "ready", "running", "ended"]) part(id).hidden = id !== name;
  part(name).querySelector("[tabindex='-1']")?.focus();
}

export function load(suggestion) {
  const weight = suggestion.weight_kg == null ? "" : ` at ${kilograms(suggestion.weight_kg)}`;
  return `${counted(suggestion.repetitions, "rep", "reps")}${weight}`;
}

/** Draws the figure: repetitions, or the time since the phase began. */
export function showNow(live) {
  const working = live.phase === "exercising";
  const restMs = (live.suggestion?.rest_s ?? 0) * 1000;
  const sinceMs = Date.now() - live.sinceMs;
  const share = working ? live.confidence : restMs && live.phase === "resting" ? Math.min(1, sinceMs / restMs) : 0;
  const figure = working ? String(live.repetitions) : live.sinceMs ? clock(sinceMs) : "–";
  const words = { exercising: title(live.exercise ?? ""), resting: "Rest", setting_up: "Setting up", waiting: "Ready" };
  const units = {
    exercising: live.repetitions === 1 ? "repetition" : "repetitions",
    resting: restMs ? `of ${clock(restMs)}` : "rest",
    setting_up: "", waiting: "do your first set",
  };
  part("now").className = `now ${live.phase}`;
  part("now").replaceChildren(
    element("h2", {}, words[live.phase]),
    element(
      "div", { class: "dial" }, ring(share),
      element("p", {}, element("b", { class: working ? "figure" : "figure timer" }, figure), element("span", {}, units[live.phase])),
    ),
  );
  const [locked, label] = part("locked").children;
  locked.textContent = figure;
  label.textContent = words[live.phase];
}

function ring(share) {
  return drawing(
    "svg", { viewBox: "0 0 120 120", "aria-hidden": "true" },
    drawing("circle", { class: "track", cx: 60, cy: 60, r: 52 }),
    share
      ? drawing("circle", {
          class: "share", cx: 60, cy: 60, r: 52,
          "stroke-dasharray": `${share * RING} ${RING}`, transform: "rotate(-90 60 60)",
        })
      : "",
  );
}

export function showTip(tip) {
  part("tip").hidden = !tip;
  part("tip").classList.toggle("stop", Boolean(tip?.stop));
  part("tip").textContent = tip?.text ?? "";
}

/** What comes next, with a button to refuse it for today. */
export function showNext(suggestion, onRefuse) {
  part("next").hidden = !suggestion;
  if (!suggestion) return;
  const refuse = element("button", { type: "button", class: "quiet" }, "Not today");
  refuse.addEventListener("click", () => onRefuse(suggestion));
  part("next").replaceChildren(
    element("p", { class: "large" }, element("strong", {}, title(suggestion.exercise)), ` ${load(suggestion)}`),
    element("p", { class: "muted" }, suggestion.reason),
    refuse,
  );
}

/** The set to confirm: `on.confirm`, `on.choose` another exercise, `on.withdraw` what was none; null hides it. */
export function showConfirm(set, on) {
  part("confirm").hidden = !set;
  if (!set) return;
  const known = set.exercise !== UNKNOWN;
  const choose = element("button", { type: "button", class: "name" }, known ? title(set.exercise) : "Which exercise?");
  choose.addEventListener("click", on.choose);
  const confirm = element("button", { type: "button", class: "main" }, known ? "That is right" : "Choose the exercise");
  confirm.addEventListener("click", known ? on.confirm : on.choose);
  const withdraw = element("button", { type: "button", class: "quiet" }, "This was no set");
  withdraw.addEventListener("click", on.withdraw);
  part("confirm").replaceChildren(
    element("h3", { id: "confirm-title" }, set.said ? "Correct this set" : "Your last set"),
    choose,
    ...amounts(set),
    confirm,
    withdraw,
  );
}

/** Lets the user choose an exercise from `names` or write one; the chosen name goes to `onChosen`. */
export function chooseExercise(names, onChosen) {
  const close = showDialog(part("choose"), "What did you do?", exerciseChoices(names, (name) => {
    close();
    onChosen(name);
  }));
}

/** The sets so far; a tap on one goes to `onCorrect`. */
export function showSets(sets, onCorrect) {
  const shown = sets.filter((set) => !set.withdrawn).slice(-SETS_SHOWN);
  part("sets").replaceChildren(...shown.map((set) => {
    const words = `${set.repetitions} × ${title(set.exercise)}${set.said ? " ✓" : ""}`;
    const button = element("button", { type: "button", "aria-label": `${words}: correct it` }, words);
    button.addEventListener("click", () => onCorrect(set));
    return element("li", {}, button);
  }));
}

/** Told to screen readers, one after the other: what comes at once does not replace each other. */
export function announce(text) {
  const log = part("news");
  log.append(element("span", {}, `${text} `));
  while (log.children.length > NEWS_KEPT) log.firstElementChild.remove();
}
