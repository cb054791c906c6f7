// A run while it is going on. Neighbours: run/connection.ts keeps it fed, run_page.tsx shows it.
// Invariant: one connection for as long as the page shows the run.

import { useEffect, useRef, useState } from "react";
import { Connection } from "../run/connection";
import { RunStore } from "../run/store";
import { RunPage } from "./run_page";

export function Live({ version, onRefused }: { version: string; onRefused: () => void }) {
  const [store] = useState(() => new RunStore());
  const connection = useRef<Connection | null>(null);
  useEffect(() => {
    const opened = new Connection(store, { refused: onRefused });
    connection.current = opened;
    opened.start();
    return () => opened.stop();
  }, [store, onRefused]);
  return <RunPage store={store} version={version} onRetry={() => connection.current?.retry()} />;
}
