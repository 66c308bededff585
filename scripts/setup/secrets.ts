import { randomBytes } from "node:crypto";

/** Made where the Worker does not have them: without them nobody could push work, operate the pool or look at its figures. */
const MADE = ["NOTIFY_TOKEN", "ADMIN_TOKEN", "METRICS_TOKEN"] as const;
/** Taken from the environment where they are there. */
const GIVEN = [
  "UPSTASH_REDIS_REST_URL",
  "UPSTASH_REDIS_REST_TOKEN",
  "UPSTREAM_SECRETS",
  "REDIS_TOKEN",
  "REDIS_READ_TOKEN",
  "BRIDGE_TOKEN",
  "PAYOUT_PRIVATE_KEY",
  "PAYOUT_SIGNER_URL",
  "NOTIFICATION_KEY",
  "NOTIFICATION_TARGETS",
  "TELEGRAM_BOT_TOKEN",
  "MAIL_API_KEY",
] as const;

const TOKEN_BYTES = 24;

/** Secrets to deploy, by name, and of each where it is from. */
export interface SecretPlan {
  readonly values: Readonly<Record<string, string>>;
  readonly lines: readonly string[];
}

/**
 * @param present names that the Worker has; null where that could not be asked
 * @param kept secrets that an earlier run has made, from this machine's file
 */
export function planSecrets(
  given: Readonly<Record<string, string | undefined>>,
  present: readonly string[] | null,
  kept: Readonly<Record<string, string>>,
): SecretPlan {
  const values: Record<string, string> = {};
  const lines: string[] = [];
  for (const name of [...MADE, ...GIVEN]) {
    const value = given[name];
    if (value !== undefined && value !== "") {
      values[name] = value;
      lines.push(`${name}: from the environment`);
    } else if (present?.includes(name) === true) lines.push(`${name}: is there and stays`);
    else if (kept[name] !== undefined) {
      values[name] = kept[name];
      lines.push(`${name}: of an earlier run`);
    } else if (isMade(name)) {
      values[name] = randomBytes(TOKEN_BYTES).toString("base64url");
      lines.push(`${name}: made`);
    }
  }
  return { values, lines };
}

const isMade = (name: string): boolean => MADE.some((made) => made === name);
