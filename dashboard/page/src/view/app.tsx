// Asks the server what it is and shows the page for it: a live run, or saved ones. Neighbours: live.tsx, saved.tsx, notices.tsx.
// Invariant: there is always something on the page that says how things stand.

import { useCallback, useEffect, useState } from "react";
import { ApiError, hasToken, mode, run, savedRuns, setToken } from "../run/api";
import type { Mode } from "../run/contract";
import { Live } from "./live";
import { Connecting, NeedsToken, Unreachable } from "./notices";
import { Saved } from "./saved";

type Standing = { kind: "asking" } | { kind: "unreachable" } | { kind: "token"; wrong: boolean } | { kind: "ready"; mode: Mode };

/** How long the page waits before it asks a server again that did not answer. */
const AGAIN_MS = 2_000;

async function find(): Promise<Standing> {
  try {
    const found = await mode();
    if (found.needs_token) await (found.mode === "live" ? run() : savedRuns());
    return { kind: "ready", mode: found };
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) return { kind: "token", wrong: hasToken() };
    return { kind: "unreachable" };
  }
}

export function App() {
  const [standing, setStanding] = useState<Standing>({ kind: "asking" });
  const [attempt, setAttempt] = useState(0);
  const again = useCallback(() => setAttempt((count) => count + 1), []);

  useEffect(() => {
    let wanted = true;
    let timer: ReturnType<typeof setTimeout> | undefined;
    void find().then((found) => {
      if (!wanted) return;
      setStanding(found);
      if (found.kind === "unreachable") timer = setTimeout(again, AGAIN_MS);
    });
    return () => {
      wanted = false;
      clearTimeout(timer);
    };
  }, [attempt, again]);

  const refused = useCallback(() => setStanding({ kind: "token", wrong: hasToken() }), []);
  switch (standing.kind) {
    case "asking":
      return <Connecting />;
    case "unreachable":
      return <Unreachable onRetry={again} />;
    case "token":
      return (
        <NeedsToken
          wrong={standing.wrong}
          onToken={(token) => {
            setToken(token);
            again();
          }}
        />
      );
    case "ready":
      return standing.mode.mode === "live" ? <Live version={standing.mode.version} onRefused={refused} /> : <Saved version={standing.mode.version} />;
  }
}
