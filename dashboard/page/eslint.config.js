import js from "@eslint/js";
import hooks from "eslint-plugin-react-hooks";
import ts from "typescript-eslint";

const node = Object.fromEntries(
  ["process", "console", "URL", "Buffer", "setTimeout", "clearTimeout", "setInterval", "clearInterval", "setImmediate", "performance", "fetch"].map((name) => [name, "readonly"]),
);
const browser = Object.fromEntries(["window", "document", "getComputedStyle", "location", "requestAnimationFrame", "PerformanceObserver", "sessionStorage", "localStorage"].map((name) => [name, "readonly"]));

export default ts.config(
  { ignores: ["dist", "target", "node_modules"] },
  js.configs.recommended,
  {
    files: ["**/*.{ts,tsx}"],
    extends: [...ts.configs.strictTypeChecked, ...ts.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      "max-lines": ["error", 600],
    },
  },
  { files: ["src/**/*.{ts,tsx}"], plugins: { "react-hooks": hooks }, rules: hooks.configs.recommended.rules },
  // Scripts run in Node, and hand functions to a page.
  { files: ["**/*.mjs"], languageOptions: { globals: { ...node, ...browser } } },
);
