// Runs that are over, read from the disk by `loadforge dashboard`. Neighbours: saved_list.tsx is their list, run_page.tsx shows
// one, pair.tsx two. Invariant: a run is read once for as long as it is shown.

import type { ReactNode } from "react";
import { useEffect, useState } from "react";
import { ApiError, savedRun, savedRuns } from "../run/api";
import type { RunList } from "../run/contract";
import { RunStore } from "../run/store";
import { Notice } from "./notices";
import { Pair } from "./pair";
import { addressOf, useRoute } from "./route";
import { RunPage } from "./run_page";
import { SavedList } from "./saved_list";

type Loaded<T> = { kind: "loading" } | { kind: "failed"; message: string; help: string } | { kind: "ready"; value: T };

function useLoaded<T>(key: string, load: () => Promise<T>): Loaded<T> {
  const [loaded, setLoaded] = useState<{ key: string; value: Loaded<T> }>({ key, value: { kind: "loading" } });
  useEffect(() => {
    let wanted = true;
    load().then(
      (value) => {
        if (wanted) setLoaded({ key, value: { kind: "ready", value } });
      },
      (error: unknown) => {
        const [message, help] = error instanceof ApiError ? [error.message, error.help] : ["it could not be read", ""];
        if (wanted) setLoaded({ key, value: { kind: "failed", message, help } });
      },
    );
    return () => {
      wanted = false;
    };
    // `load` is what `key` says.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [key]);
  return loaded.key === key ? loaded.value : { kind: "loading" };
}

async function loadRun(id: string): Promise<RunStore> {
  const hello = await savedRun(id);
  const store = new RunStore();
  store.hello({ ...hello, can_steer: false, state: "finished" }, "saved");
  return store;
}

export function Saved({ version }: { version: string }) {
  const route = useRoute();
  const list = useLoaded("list", savedRuns);
  useEffect(() => {
    window.scrollTo(0, 0);
  }, [route.page]);
  if (list.kind !== "ready") return <Pending of={list} what="The runs" />;
  // A results directory given by itself is shown at once.
  const only = list.value.runs.length === 1 && list.value.problems.length === 0 ? list.value.runs[0] : undefined;
  const back = only ? undefined : "#/";
  switch (route.page) {
    case "home":
      return only ? <One id={only.id} version={version} back={undefined} /> : <List list={list.value} version={version} />;
    case "run":
      return <One id={route.id} version={version} back={back} />;
    case "pair":
      return <Two ids={route.ids} version={version} />;
  }
}

function List({ list, version }: { list: RunList; version: string }) {
  return <SavedList list={list} version={version} onPair={(a, b) => {
    location.hash = addressOf(a, b);
  }} />;
}

function One({ id, version, back }: { id: string; version: string; back: string | undefined }) {
  const run = useLoaded(`run ${id}`, () => loadRun(id));
  return run.kind === "ready" ? <RunPage key={id} store={run.value} version={version} back={back} /> : <Pending of={run} what={`The run ${id}`} />;
}

function Two({ ids, version }: { ids: [string, string]; version: string }) {
  const runs = useLoaded(`pair ${ids.join("/")}`, () => Promise.all([loadRun(ids[0]), loadRun(ids[1])]));
  return runs.kind === "ready" ? <Pair ids={ids} stores={runs.value} version={version} /> : <Pending of={runs} what="The two runs" />;
}

function Pending({ of, what }: { of: { kind: "loading" } | { kind: "failed"; message: string; help: string } | { kind: "ready" }; what: string }): ReactNode {
  if (of.kind !== "failed") return <Notice title="Reading …" busy />;
  return (
    <Notice title={`${what} cannot be shown`}>
      <p>{[of.message, of.help].filter((part) => part !== "").join("; ")}</p>
      <p><a href="#/">All runs</a></p>
    </Notice>
  );
}
