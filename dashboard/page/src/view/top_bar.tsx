// The bar above pages that show more than one run. Neighbours: saved_list.tsx, pair.tsx. Invariant: none.

import { switchTheme } from "./theme";

export function TopBar({ back }: { back: boolean }) {
  return (
    <div className="bar">
      <span className="brand">LoadForge</span>
      {back ? <a href="#/">all runs</a> : null}
      <button type="button" className="quiet push" onClick={switchTheme} title="Switch between light and dark"><span aria-hidden="true">◐</span> theme</button>
    </div>
  );
}
