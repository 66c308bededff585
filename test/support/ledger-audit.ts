import { Redis } from "@upstash/redis";
import type { AcceptedBlock } from "../../devnet/node/chain.ts";
import type { SentShare } from "./share-rigs.ts";

/** What the books have that they should not have, or the other way round; empty when all is right. */
export type Findings = readonly string[];

/** What the miners and the node know. Every share is of difficulty 1. */
export interface Witnesses {
  readonly sent: ReadonlyMap<string, SentShare>;
  readonly acknowledged: ReadonlySet<string>;
  readonly blocks: readonly AcceptedBlock[];
  /** Logins that work together: what counts is what they are credited as one. */
  readonly together: ReadonlySet<string>;
}

/** What the logins that work together are called here. */
const TOGETHER = "the logins that work together";

/** Reads the books of coin `eth` with the stock client and compares them with what the miners and the node say. */
export class LedgerAudit {
  readonly #redis: Redis;

  constructor({ url, token }: { readonly url: string; readonly token: string }) {
    this.#redis = new Redis({
      url,
      token,
      automaticDeserialization: false,
      enableAutoPipelining: false,
      enableTelemetry: false,
    });
  }

  /** Members of a sorted set, in pages: one answer of 100,000 would be too large for anyone. */
  async #members(key: string): Promise<string[]> {
    const members: string[] = [];
    for (let at = 0; ; at += 5_000) {
      const page = await this.#redis.zrange<string[]>(key, at, at + 4_999);
      members.push(...page);
      if (page.length < 5_000) return members;
    }
  }

  async #candidates() {
    const flat = await this.#redis.zrange<string[]>("eth:blocks:candidates", 0, -1, { withScores: true });
    return flat.flatMap((member, at) => {
      if (at % 2 === 1) return [];
      // nonce:powHash:mixDigest:ts:roundDiff:totalShares
      const [nonce = "", header = "", mixDigest = "", , , total = ""] = member.split(":");
      return [{ height: flat[at + 1] ?? "", nonce, header, mixDigest, total }];
    });
  }

  async #hash(key: string): Promise<Map<string, string>> {
    // Without deserialisation the client hands over Redis' flat list, whatever its type says.
    const flat = ((await this.#redis.hgetall(key)) as unknown as string[] | null) ?? [];
    const fields = new Map<string, string>();
    for (let at = 0; at < flat.length; at += 2) fields.set(flat[at] ?? "", flat[at + 1] ?? "");
    return fields;
  }

  /** How many acknowledged shares and accepted blocks the books do not have yet. */
  async missing({ acknowledged, blocks }: Witnesses): Promise<number> {
    const pow = new Set(await this.#members("eth:pow"));
    const candidates = await this.#candidates();
    const lost = [...acknowledged].filter((member) => !pow.has(member)).length;
    return lost + blocks.filter(({ nonce }) => !candidates.some((one) => one.nonce === nonce)).length;
  }

  /** @returns also the members that are credited, and how many shares the logins that work together were */
  async findings(witnesses: Witnesses) {
    const { sent, acknowledged, blocks, together } = witnesses;
    const findings: string[] = [];
    const expect = (what: string, found: unknown, wanted: unknown): void => {
      if (String(found) !== String(wanted)) findings.push(`${what}: found ${String(found)}, wanted ${String(wanted)}`);
    };
    const pow = await this.#members("eth:pow");
    const recorded = new Set(pow);
    for (const member of acknowledged)
      if (!recorded.has(member)) findings.push(`acknowledged and not there: ${member}`);
    for (const member of pow) if (!sent.has(member)) findings.push(`there and never submitted: ${member}`);

    // Each proof of work once, and each of them credited once: the entries and sums that a second credit would raise.
    const owner = (login: string): string => (together.has(login) ? TOGETHER : login);
    const logins = new Map<string, number>();
    for (const member of pow) {
      const login = owner(sent.get(member)?.login ?? "nobody");
      logins.set(login, (logins.get(login) ?? 0) + 1);
    }
    expect("hashrate of all logins", difficulties(await this.#members("eth:hashrate")), pow.length);
    const rounds = [await this.#hash("eth:shares:roundCurrent")];
    expect("roundShares", (await this.#hash("eth:stats")).get("roundShares") ?? 0, sum(rounds));
    const candidates = await this.#candidates();
    for (const { height, nonce, header, mixDigest, total } of candidates) {
      const round = await this.#hash(`eth:shares:round${height}:${nonce}`);
      expect(`total of the round that ${nonce} closed`, total, sum([round]));
      rounds.push(round);
      if (!sent.has(`${nonce}:${header}:${mixDigest}`)) findings.push(`candidate that nobody submitted: ${nonce}`);
      if (!blocks.some((block) => block.header === header)) findings.push(`candidate that no node accepted: ${nonce}`);
    }
    // A node says true to a second nonce for a header that it has sealed. Where that one comes to the ledger first, the chain's own follows it,
    // and the unlocker finds out about the other; any further one is a share.
    for (const { header } of blocks) {
      const found = candidates.filter((one) => one.header === header);
      if (found.length > 2)
        findings.push(`candidates of header ${header}: ${found.map(({ nonce }) => nonce).join(" ")}`);
    }
    for (const [login, count] of logins) {
      const names = login === TOGETHER ? [...together] : [login];
      const credited = names.flatMap((name) => rounds.map((round) => Number(round.get(name) ?? 0)));
      expect(
        `credits of ${login}`,
        credited.reduce((total, part) => total + part, 0),
        count,
      );
      const entries = await Promise.all(names.map((name) => this.#members(`eth:hashrate:${name}`)));
      expect(`hashrate of ${login}`, difficulties(entries.flat()), count);
    }
    for (const block of blocks) {
      const found = candidates.filter((one) => one.header === block.header && one.nonce === block.nonce);
      expect(`candidates of block ${block.height} ${block.nonce}`, found.length, 1);
    }
    const finders = await this.#redis.zrange<string[]>("eth:finders", 0, -1, { withScores: true });
    expect(
      "blocks of all finders",
      finders.reduce((total, score, at) => total + (at % 2 === 1 ? Number(score) : 0), 0),
      candidates.length,
    );
    return {
      findings,
      recorded: pow.length,
      members: recorded,
      candidates: candidates.length,
      together: logins.get(TOGETHER) ?? 0,
    };
  }
}

const sum = (rounds: readonly Map<string, string>[]): number =>
  rounds.flatMap((round) => [...round.values()]).reduce((total, value) => total + Number(value), 0);

/** What entries of a hashrate set add up to: of a large pool, one may stand for several shares. */
const difficulties = (entries: readonly string[]): number =>
  entries.reduce((total, entry) => total + Number(entry.split(":", 1)[0]), 0);
