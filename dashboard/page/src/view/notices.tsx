// Pages for when there is nothing to show yet. Neighbours: app.tsx. Invariant: each says what is the matter and what to do.

import type { ReactNode } from "react";
import { useState } from "react";

export function Notice({ title, children, busy = false }: { title: string; children?: ReactNode; busy?: boolean }) {
  return (
    <main className="notice-page" id="main">
      <div className="notice-card" role="status">
        <p className="brand">LoadForge</p>
        <h1>{title}</h1>
        {busy ? <div className="pulse" aria-hidden="true" /> : null}
        {children}
      </div>
    </main>
  );
}

export function Connecting() {
  return <Notice title="Connecting to the run …" busy />;
}

export function Unreachable({ onRetry }: { onRetry: () => void }) {
  return (
    <Notice title="The run cannot be reached" busy>
      <p>
        No server answers at this address. If the run is over, its report is in the results directory; <code>loadforge dashboard DIR</code> shows it here.
      </p>
      <button type="button" className="main-action" onClick={onRetry}>Try again</button>
    </Notice>
  );
}

export function NeedsToken({ wrong, onToken }: { wrong: boolean; onToken: (token: string) => void }) {
  const [token, setToken] = useState("");
  return (
    <main className="notice-page" id="main">
      <form
        className="notice-card"
        onSubmit={(event) => {
          event.preventDefault();
          if (token.trim() !== "") onToken(token.trim());
        }}
      >
        <p className="brand">LoadForge</p>
        <h1>This page needs a token</h1>
        <p>The run printed an address that ends in <code>#token=…</code>. Open that address, or put the token in here.</p>
        <label htmlFor="token">Token</label>
        <input id="token" type="password" autoComplete="off" value={token} onChange={(event) => setToken(event.target.value)} aria-describedby={wrong ? "wrong-token" : undefined} aria-invalid={wrong} />
        {wrong ? <p id="wrong-token" className="error" role="alert">This token is not the run&apos;s.</p> : null}
        <button type="submit" className="main-action">Show the run</button>
      </form>
    </main>
  );
}
