// Where the page begins. Neighbours: view/app.tsx decides what is shown. Invariant: the token leaves the address bar first.

import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { takeToken } from "./run/api";
import { App } from "./view/app";
import { keptTheme, setTheme } from "./view/theme";
import "./page.css";

takeToken();
setTheme(keptTheme());
const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}
