import type { AccountSettings, SettingsAnswer } from "../../../core/api/answers.ts";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";

/** A wallet in the browser (EIP-1193). */
interface Wallet {
  request(call: { readonly method: string; readonly params?: readonly unknown[] }): Promise<unknown>;
}

declare global {
  /** What wallets put there. */
  var ethereum: Wallet | undefined;
}

/** A signature, or why there is none, in words. */
type Signing = { readonly ok: true; readonly signature: string } | { readonly ok: false; readonly reason: string };

/** Whether the browser has a wallet. */
export const hasWallet = (): boolean => typeof globalThis.ethereum?.request === "function";

/** EIP-1193: whoever holds the wallet said no. */
const USER_REFUSED = 4001;

/** Has the browser's wallet sign a text, as the account of this login. @param login lower-case `0x` address */
export async function signWithWallet(login: string, text: string): Promise<Signing> {
  const wallet = globalThis.ethereum;
  if (!wallet) return { ok: false, reason: "This browser has no wallet." };
  try {
    const accounts = await wallet.request({ method: "eth_requestAccounts" });
    const held = Array.isArray(accounts) ? accounts.map((account) => String(account).toLowerCase()) : [];
    if (!held.includes(login)) {
      const [first = "no account"] = held;
      return { ok: false, reason: `The wallet offers ${first}: choose this miner's account in it.` };
    }
    const signature = await wallet.request({
      method: "personal_sign",
      params: [`0x${bytesToHex(utf8ToBytes(text))}`, login],
    });
    return { ok: true, signature: String(signature) };
  } catch (error) {
    const code = error instanceof Object && "code" in error ? error.code : null;
    if (code === USER_REFUSED) return { ok: false, reason: "Nothing was signed." };
    // Wallets throw objects of their own.
    const said = error instanceof Object && "message" in error ? error.message : error;
    return { ok: false, reason: `The wallet says: ${String(said)}` };
  }
}

/** What an address has set, and what a change has to say; null where the pool does not answer. */
export async function fetchSettings(path: string): Promise<AccountSettings | null> {
  try {
    const response = await fetch(path);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the pool serves this page and the answer
    return response.ok ? ((await response.json()) as AccountSettings) : null;
  } catch {
    return null;
  }
}

/** Sends what was signed. Never rejects. */
export async function sendSettings(path: string, message: string, signature: string): Promise<SettingsAnswer> {
  try {
    const response = await fetch(path, { method: "POST", body: JSON.stringify({ message, signature }) });
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the same; what lies between answers in no JSON
    return (await response.json()) as SettingsAnswer;
  } catch {
    return { ok: false, refused: "unavailable", reason: "the pool does not answer" };
  }
}

/** Shannon of an amount of coins as it is typed; null where it is none. */
export function shannonOf(coins: string): bigint | null {
  const [, whole = "", part = ""] = /^(\d{1,9})(?:\.(\d{1,9}))?$/.exec(coins) ?? [];
  const shannon = whole === "" ? 0n : BigInt(whole + part.padEnd(9, "0"));
  return shannon > 0n ? shannon : null;
}
