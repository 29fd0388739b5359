// Deleting a session, once the user has said so twice.

import { inWords, send } from "./client.js";
import { showDialog } from "./correcting.js";
import { day, element, time } from "./dom.js";

const dialog = document.getElementById("deleting");

/** A button that asks, deletes `session`, and then calls `onDeleted`. `facts` say what there is of it. */
export function deleteButton(session, facts, onDeleted) {
  const when = `${day(session.started_ms)}, ${time(session.started_ms)}`;
  const button = element("button", { type: "button", class: "word quiet danger", "aria-label": `Delete the session of ${when}` }, "Delete this session");
  button.addEventListener("click", () => ask(session, when, facts, onDeleted));
  return button;
}

function ask(session, when, facts, onDeleted) {
  const problem = element("p", { class: "problem", role: "alert" });
  const yes = element("button", { type: "button", class: "main danger" }, "Delete it");
  yes.addEventListener("click", async () => {
    yes.disabled = true;
    problem.textContent = "";
    try {
      await send("DELETE", `v1/users/${encodeURIComponent(session.user)}/sessions/${encodeURIComponent(session.session)}`);
      close();
      await onDeleted(`The session of ${when} is deleted`);
    } catch (failure) {
      problem.textContent = inWords(failure);
    } finally {
      yes.disabled = false;
    }
  });
  const goesOn = session.ended_ms === null ? " It is not closed: what a device still sends of it is refused." : "";
  const close = showDialog(dialog, "Delete this session?", [
    element("p", {}, `${when}: ${facts}. Its sets, records and sensor data are deleted.${goesOn} This cannot be taken back.`),
    problem, yes,
  ]);
  dialog.querySelector(".quiet").focus(); // the way back
}
