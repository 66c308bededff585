import { read, type CommandTable } from "../command.ts";
import { wrongArity } from "../errors.ts";

export const SERVER_COMMANDS: CommandTable = {
  ping: read(-1, ({ args }) => {
    if (args.length > 1) throw wrongArity("ping");
    return args[0] ?? "PONG";
  }),
  echo: read(2, ({ args: [text = ""] }) => text),
  time: read(1, ({ space }) => [String(Math.floor(space.nowMs / 1000)), String((space.nowMs % 1000) * 1000)]),
};
