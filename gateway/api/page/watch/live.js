// What the server said of the session so far, and how each message changes it; pure.

const REST = "rest"; // the class of those who do not exercise

/** `phase` is waiting, exercising, setting_up or resting, since `sinceMs`; `planned` is the session's plan. */
export function initial() {
  return {
    phase: "waiting", sinceMs: 0, exercise: null, confidence: 0, repetitions: 0,
    suggestion: null, before: null, tip: null, planned: [],
  };
}

/** `live` after a message of the server. `before` is the suggestion that the last set answered. */
export function evolve(live, message) {
  switch (message.type) {
    case "recognised":
      if (message.exercise === REST) return inPhase(live, "resting", message.at_ms);
      return {
        ...inPhase(live, "exercising", message.at_ms),
        exercise: message.exercise, confidence: message.confidence, repetitions: message.repetitions,
        tip: live.phase === "exercising" ? live.tip : null,
      };
    case "set":
      return {
        ...inPhase(live, "resting", message.end_ms),
        before: live.suggestion, suggestion: live.suggestion?.at_ms < message.end_ms ? null : live.suggestion,
      };
    case "rest":
      return inPhase(live, "resting", message.since_ms);
    case "setting_up":
      return inPhase(live, "setting_up", message.since_ms);
    case "suggestion":
      return { ...live, suggestion: message };
    case "tip":
      return { ...live, tip: message };
    case "plan":
      return { ...live, planned: message.sets };
    default:
      return live;
  }
}

function inPhase(live, phase, sinceMs) {
  return live.phase === phase ? live : { ...live, phase, sinceMs };
}
