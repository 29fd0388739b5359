// Whom a user lets look after them: giving access by a coach's name, and taking it back.

import { claims } from "./account.js";
import { get, inWords, send } from "./client.js";
import { day, element, emptyState, identifier } from "./dom.js";

const section = document.getElementById("grants");
const place = section.querySelector("div");
const news = document.getElementById("grants-news");

let shown = "";

export async function refreshGrants(user) {
  const { items } = await get(`v1/users/${encodeURIComponent(user)}/grants`);
  section.hidden = false;
  const text = JSON.stringify([user, items]);
  if (text === shown) return; // keeps what is being entered, and the focus
  shown = text;
  const isOwn = (claims()?.scope ?? "user") === "user"; // an open page is its user's own
  place.replaceChildren(
    items.length
      ? element("ul", { class: "plain box", "aria-label": "Who has access" }, ...items.map((grant) => grantItem(grant, isOwn)))
      : emptyState("Nobody else has access", "A coach or physiotherapist whom you let in sees your sessions and records, and can plan and prescribe."),
    ...(isOwn ? [givingForm(user)] : []),
  );
}

function grantItem(grant, isOwn) {
  const words = element("span", {}, element("b", {}, grant.coach), element("span", { class: "muted" }, ` since ${day(grant.given_ms)}`));
  if (!isOwn) return element("li", { class: "line" }, words);
  const back = element("button", { type: "button", class: "word", "aria-label": `Take back the access of ${grant.coach}` }, "Take back");
  back.addEventListener("click", () => change(grant.user, grant.coach, "DELETE", `${grant.coach} has no access any more`));
  return element("li", { class: "line" }, words, back);
}

function givingForm(user) {
  const input = element("input", { id: "grant-coach", type: "text", required: true, maxlength: 64, autocomplete: "off", autocapitalize: "off", spellcheck: "false" });
  const form = element(
    "form", { class: "giving" },
    element("label", { for: "grant-coach" }, "Name of the coach or physiotherapist"),
    element("div", { class: "pair" }, input, element("button", {}, "Give access")),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const coach = identifier(input.value);
    if (coach) change(user, coach, "PUT", `${coach} has access now`);
  });
  return form;
}

async function change(user, coach, method, words) {
  try {
    await send(method, `v1/users/${encodeURIComponent(user)}/grants/${encodeURIComponent(coach)}`);
    await refreshGrants(user);
    news.className = "unseen";
    news.textContent = words;
    document.getElementById("grant-coach").focus();
  } catch (problem) {
    news.className = "problem";
    news.textContent = inWords(problem);
  }
}
