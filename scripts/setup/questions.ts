import { confirm, input, select } from "@inquirer/prompts";
import { CHAINS } from "../../core/chain-spec.ts";
import { HOMES } from "../../core/home.ts";
import type { Answers } from "./answers.ts";

/** Where it asks; the terminal, when left out. */
type Terminal = Parameters<typeof confirm>[1];

const validate = (text: string): true | string =>
  /^https?:\/\/./.test(text) && URL.canParse(text) ? true : "an https:// address";

/** Asks for what neither flags nor the environment have said. @param former its settings */
export async function askForRest(
  answers: Answers,
  former: Readonly<Record<string, unknown>>,
  terminal?: Terminal,
): Promise<Answers> {
  const known = { ...former, ...answers.file };
  const chain =
    answers.chain ??
    ("chain" in known
      ? undefined
      : await select({ message: "Chain", choices: CHAINS.map(({ name }) => name), default: "classic" }, terminal));
  const upstreams = new Map(answers.upstreams);
  if (upstreams.size === 0 && !("upstream" in known)) {
    const message = "Address of the node, as a Worker reaches it (https://geth.mypool.com)";
    upstreams.set("main", await input({ message, validate }, terminal));
  }
  const home =
    answers.home ??
    ("home" in known
      ? undefined
      : await select(
          { message: "Where the pool lives, for ever: near the nodes and the Redis", choices: HOMES },
          terminal,
        ));
  return { ...answers, chain, upstreams, home };
}

/** @param env its name */
export const goOn = (env: string, terminal?: Terminal): Promise<boolean> =>
  confirm({ message: `Write [env.${env}] and deploy it`, default: false }, terminal);
