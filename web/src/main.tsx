import "uplot/dist/uPlot.min.css";
import "./app.css";
import { render } from "preact";
import { App } from "./app.tsx";
import { applyTheme } from "./data/preferences.ts";

applyTheme();
const root = document.getElementById("app");
if (root) render(<App />, root);
