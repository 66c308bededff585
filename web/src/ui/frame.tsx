import {
  Blocks,
  Cable,
  Cpu,
  Gauge,
  Monitor,
  Moon,
  Search,
  Sun,
  TriangleAlert,
  Wallet,
  type LucideIcon,
} from "lucide-preact";
import { useState } from "preact/hooks";
import { Link, useLocation, useRoute } from "wouter-preact";
import { usePoolFacts } from "../data/pool-facts.ts";
import { addressProblem } from "../data/address.ts";
import { useHealth } from "../data/live.ts";
import { applyTheme, THEMES, usePreference, type Theme } from "../data/preferences.ts";

const PAGES: readonly {
  readonly path: string;
  readonly title: string;
  readonly icon: LucideIcon;
}[] = [
  { path: "/", title: "Overview", icon: Gauge },
  { path: "/miners", title: "Miners", icon: Cpu },
  { path: "/blocks", title: "Blocks", icon: Blocks },
  { path: "/payments", title: "Payments", icon: Wallet },
  { path: "/connect", title: "Connect", icon: Cable },
];

/** Name, navigation, search for a miner, theme. */
export function Header() {
  const facts = usePoolFacts();
  return (
    <header class="border-base-300 bg-base-100 sticky top-0 z-40 border-b">
      <div class="mx-auto flex max-w-6xl flex-wrap items-center gap-x-4 gap-y-2 px-4 py-2">
        <Link href="/" class="flex items-center gap-2 text-lg font-semibold">
          <img src="/icon.svg" width="28" height="28" alt="" />
          <span>edgepool</span>
          {facts && <span class="badge badge-outline badge-sm hidden font-normal sm:inline-flex">{facts.chain}</span>}
        </Link>
        <nav aria-label="Pages" class="order-last w-full md:order-none md:w-auto md:flex-1">
          <ul class="flex justify-between gap-1 md:justify-start">
            {PAGES.map((page) => (
              <NavigationItem key={page.path} {...page} />
            ))}
          </ul>
        </nav>
        <div class="ml-auto flex items-center gap-2">
          <MinerSearch />
          <ThemeSwitch />
        </div>
      </div>
    </header>
  );
}

function NavigationItem({ path, title, icon: Icon }: (typeof PAGES)[number]) {
  const [here] = useRoute(path);
  return (
    <li>
      <Link
        href={path}
        aria-current={here ? "page" : undefined}
        class="aria-[current=page]:bg-primary aria-[current=page]:text-primary-content hover:bg-base-300 rounded-field flex flex-col items-center gap-0.5 px-2.5 py-1.5 text-xs md:flex-row md:gap-2 md:text-sm"
      >
        <Icon size={16} />
        {title}
      </Link>
    </li>
  );
}

function MinerSearch() {
  const [text, setText] = useState("");
  const [asked, setAsked] = useState(false);
  const [, navigate] = useLocation();
  const problem = text === "" ? null : addressProblem(text);
  const submit = (event: Event) => {
    event.preventDefault();
    setAsked(true);
    if (text === "" || problem !== null) return;
    navigate(`/account/${text.toLowerCase()}`);
    setText("");
    setAsked(false);
  };
  return (
    <form role="search" onSubmit={submit} class="relative">
      <label class="input input-sm w-36 sm:w-56">
        <Search size={14} aria-hidden="true" />
        <span class="sr-only">Find a miner by address, then press Enter</span>
        <input
          type="search"
          value={text}
          placeholder="0x… address"
          spellcheck={false}
          autocomplete="off"
          aria-invalid={asked && problem !== null}
          onInput={({ currentTarget }) => setText(currentTarget.value.trim())}
        />
      </label>
      {asked && problem !== null && (
        <p role="alert" class="panel text-error absolute right-0 z-50 mt-1 w-64 p-2 text-sm">
          {problem}
        </p>
      )}
    </form>
  );
}

/** What is wrong with the pool, above every page: nothing below may look well while it is not. */
export function HealthBanner() {
  const report = useHealth();
  if (report === null || report.healthy) return null;
  return (
    <section aria-label="Trouble" class="bg-warning text-warning-content">
      <div class="mx-auto flex max-w-6xl gap-3 px-4 py-3 text-sm">
        <TriangleAlert size={18} aria-hidden="true" class="mt-0.5 shrink-0" />
        <ul>
          {report.problems.map((problem) => (
            <li key={problem} class="break-words first-letter:uppercase">
              {problem}
            </li>
          ))}
        </ul>
      </div>
    </section>
  );
}

const THEME_ICONS = { auto: Monitor, light: Sun, dark: Moon } as const;
const isTheme = (text: string): text is Theme => THEMES.some((theme) => theme === text);

function ThemeSwitch() {
  const [stored, store] = usePreference("theme");
  const theme = isTheme(stored) ? stored : "auto";
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? "auto";
  const Icon = THEME_ICONS[theme];
  const change = () => {
    store(next);
    applyTheme(next);
  };
  return (
    <button type="button" class="btn btn-ghost btn-sm btn-square" title={`Theme: ${theme}`} onClick={change}>
      <Icon size={18} aria-hidden="true" />
      <span class="sr-only">{`Theme: ${theme}. Change to ${next}`}</span>
    </button>
  );
}

/** What the operator is advised of, and what can wait for the morning: nothing of it concerns a miner. */
function Notices() {
  const notices = useHealth()?.notices ?? [];
  if (notices.length === 0) return null;
  return (
    <details class="basis-full">
      <summary class="cursor-pointer">{`For the operator: ${notices.length === 1 ? "a notice" : `${notices.length} notices`}`}</summary>
      <ul class="list-disc pl-5">
        {notices.map((notice) => (
          <li key={notice} class="break-words first-letter:uppercase">
            {notice}
          </li>
        ))}
      </ul>
    </details>
  );
}

/** Where the raw figures are, and what is advised. */
export function Footer() {
  return (
    <footer class="text-muted mx-auto flex w-full max-w-6xl flex-wrap gap-x-4 gap-y-1 px-4 pt-2 pb-8 text-sm">
      <span>Figures come straight from the pool’s ledger. As JSON:</span>
      {["/api/stats", "/api/miners", "/api/blocks", "/api/payments", "/health"].map((path) => (
        <a key={path} class="link" href={path}>
          {path.slice(path.lastIndexOf("/") + 1)}
        </a>
      ))}
      <span class="sm:ml-auto">
        Operator:{" "}
        <Link class="link" href="/operator">
          wallet and payments
        </Link>
      </span>
      <Notices />
    </footer>
  );
}
