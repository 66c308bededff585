import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import * as v from "valibot";
import { type Order, type Spent, spentSchema } from "./attackers.ts";
import { type Attack, ATTACKS, CONTROL } from "./attacks.ts";

/** The process that attacks. In a session of its own, whose turns the kernel counts apart from the miners'. */
export class AttackersProcess {
  readonly #child: ChildProcess = fork(join(import.meta.dirname, "attackers.ts"), { detached: true });

  /** Resolves when the attack is over. */
  async attack(order: Order): Promise<Spent> {
    this.#child.send(order);
    const [spent] = await once(this.#child, "message");
    return v.parse(spentSchema, spent);
  }

  end(): void {
    this.#child.kill();
  }
}

/** Attacks, of which nobody's is none. @param texts only those whose name has one of these in it */
export const attacksNamed = (texts: readonly string[]): Attack[] =>
  ATTACKS.filter(({ name }) => name !== CONTROL && texts.some((text) => name.includes(text)));
