import * as v from "valibot";
import { CHAINS } from "./chain-spec.ts";

/** Chains whose proof of work is neither Ethash nor Etchash, by the letters and digits of their name or ticker. */
const OTHER_ALGORITHMS: Readonly<Record<string, readonly string[]>> = {
  Ubqhash: ["ubiq", "ubq"],
  EthashB3: ["hypra", "hyp", "rethereum", "rth"],
  KawPow: ["ravencoin", "rvn", "neurai", "xna", "clore", "neoxa", "gamepass"],
  FiroPow: ["firo"],
  MeowPow: ["meowcoin", "mewc"],
  EvrProgPow: ["evrmore", "evr"],
  ProgPow: ["progpow", "veil", "sero", "quai", "zano", "epiccash"],
  "Autolykos v2": ["ergo", "erg"],
  Octopus: ["conflux", "cfx"],
  FishHash: ["ironfish"],
  KarlsenHash: ["karlsen"],
  kHeavyHash: ["kaspa", "kas"],
  Equihash: ["zcash", "zec", "bitcoingold", "btg"],
  RandomX: ["monero", "xmr"],
  Verthash: ["vertcoin", "vtc"],
  Scrypt: ["litecoin", "ltc", "dogecoin", "doge"],
  "SHA-256": ["bitcoin", "btc", "bitcoincash", "bch"],
};

const KNOWN = CHAINS.map(({ name }) => name);
const TABLE = "a table { name, epochLength, ecip1099Block, chainId }";
const CHAIN = `${KNOWN.join(", ")}, or for another Ethash chain ${TABLE}`;
const EPOCH_LENGTH = 30_000;
const NAME = "a name of 1 to 32 letters, digits, - and _";
const wholeNumber = (min: number, max: number) => {
  const allowed = `a whole number from ${min} to ${max}`;
  return v.pipe(v.number(allowed), v.integer(allowed), v.minValue(min, allowed), v.maxValue(max, allowed));
};

/** What another algorithm is called; undefined for a name that none of them has, alone or as one of its words (`UBQ-main`, `ubiq2`). */
function otherAlgorithm(name: string): string | undefined {
  const words = name.toLowerCase().split(/[^a-z]+/);
  const said = new Set([...words, words.join("")]);
  return Object.entries(OTHER_ALGORITHMS).find(([, names]) => names.some((known) => said.has(known)))?.[0];
}

const isEthash = v.check<string, (issue: v.CheckIssue<string>) => string>(
  (name) => otherAlgorithm(name) === undefined,
  ({ input }) =>
    `${CHAIN}; "${input}" is mined with ${otherAlgorithm(input)}, of which this pool can check no share. A chain of your own whose name has such a word needs another name`,
);

const named = v.pipe(v.string(CHAIN), isEthash, v.picklist(KNOWN, CHAIN));

const table = v.pipe(
  v.strictObject(
    {
      name: v.pipe(
        v.string(NAME),
        v.regex(/^[\w-]{1,32}$/, NAME),
        isEthash,
        v.check(
          (name) => !KNOWN.includes(name),
          ({ input }) => `a name of its own; for the chain that is known as "${input}" write chain = "${input}"`,
        ),
      ),
      epochLength: v.optional(wholeNumber(1, 10_000_000), EPOCH_LENGTH),
      ecip1099Block: v.optional(v.nullable(wholeNumber(0, Number.MAX_SAFE_INTEGER)), null),
      chainId: v.optional(v.nullable(wholeNumber(1, Number.MAX_SAFE_INTEGER)), null),
    },
    CHAIN,
  ),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const { epochLength, ecip1099Block } = dataset.value;
    if (ecip1099Block === null || ecip1099Block % (2 * epochLength) === 0) return;
    addIssue({
      message: `a multiple of the longer epoch, which is 2 × epochLength = ${2 * epochLength}; epochs would be cut in the middle`,
      input: ecip1099Block,
      path: [{ type: "object", origin: "value", input: dataset.value, key: "ecip1099Block", value: ecip1099Block }],
    });
  }),
);

/** The setting `chain`: a name, or a table for a chain of one's own. Each wrong member is named by itself. */
export const chainSetting = v.lazy((input) => (typeof input === "object" && input !== null ? table : named));
