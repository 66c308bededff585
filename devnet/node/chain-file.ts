import { appendFileSync, mkdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import type { ChainBlock } from "./chain.ts";

/**
 * A simulated chain that outlives its process: one block a line, in the order in which they were closed. A node that is started again on it
 * goes on where it was, as a real one does; a ledger beside it would otherwise be full of blocks that no chain knows.
 */
export class ChainFile {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
    mkdirSync(dirname(path), { recursive: true });
  }

  /** Blocks of the chain as it was left, lowest first. A last line that a kill cut off is left out. */
  read(): ChainBlock[] {
    const byHeight = new Map<number, ChainBlock>();
    for (const line of this.#lines()) {
      const block = parsed(line);
      if (block === null) continue;
      // After a reorganisation what came behind it is of another chain.
      for (const height of byHeight.keys()) if (height > block.height) byHeight.delete(height);
      byHeight.set(block.height, block);
    }
    return [...byHeight.values()].toSorted((a, b) => a.height - b.height);
  }

  append(block: ChainBlock): void {
    const line = JSON.stringify(block, (_name, value: unknown) =>
      typeof value === "bigint" ? { bigint: value.toString() } : value,
    );
    appendFileSync(this.#path, `${line}\n`);
  }

  #lines(): string[] {
    try {
      return readFileSync(this.#path, "utf8").split("\n");
    } catch {
      return [];
    }
  }
}

function parsed(line: string): ChainBlock | null {
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the file is this class's own
    return JSON.parse(line, (_name, value: unknown) =>
      typeof value === "object" && value !== null && "bigint" in value ? BigInt(String(value.bigint)) : value,
    ) as ChainBlock;
  } catch {
    return null;
  }
}
