import { useEffect, useState } from "preact/hooks";

/** What the visitor chose; `auto` follows the system. */
export const THEMES = ["auto", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

const CHANGED = "edgepool-preference";

/** The browser may refuse storage; the page then forgets, and works. */
function read(name: string): string {
  try {
    return localStorage.getItem(`edgepool.${name}`) ?? "";
  } catch {
    return "";
  }
}

function write(name: string, value: string): void {
  try {
    localStorage.setItem(`edgepool.${name}`, value);
  } catch {
    // See above.
  }
  dispatchEvent(new Event(CHANGED));
}

/** A text that is remembered in this browser, shared by all parts of the page. */
export function usePreference(name: string): [string, (value: string) => void] {
  const [value, setValue] = useState(() => read(name));
  useEffect(() => {
    const renew = () => setValue(read(name));
    addEventListener(CHANGED, renew);
    return () => removeEventListener(CHANGED, renew);
  }, [name]);
  return [
    value,
    (next) => {
      setValue(next);
      write(name, next);
    },
  ];
}

/** Puts the chosen theme on the document. */
export function applyTheme(theme: string = read("theme")): void {
  if (theme === "light" || theme === "dark") document.documentElement.dataset["theme"] = theme;
  else delete document.documentElement.dataset["theme"];
}

/** A number that changes whenever the page's colours do: what is drawn on a canvas must be drawn again. */
export function useColours(): number {
  const [version, setVersion] = useState(0);
  useEffect(() => {
    const renew = () => setVersion((before) => before + 1);
    const system = matchMedia("(prefers-color-scheme: dark)");
    const observer = new MutationObserver(renew);
    observer.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    system.addEventListener("change", renew);
    return () => {
      observer.disconnect();
      system.removeEventListener("change", renew);
    };
  }, []);
  return version;
}

/** The time now, renewed every `everyMs`: for what says how long ago something was. */
export function useNow(everyMs: number): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}
