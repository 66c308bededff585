import * as v from "valibot";
import { count, flag, httpUrl, shannon, word } from "../setting-types.ts";
import { OPERATOR_KINDS } from "./messages.ts";
import { parseQuiet, TARGET_KINDS } from "./targets.ts";

const QUIET = 'hours of the UTC day, such as "22:00-07:00"';
const TEXT = "a text";
const EVENTS = `a list of ${OPERATOR_KINDS.join(", ")}; left out for all of them`;

const target = v.strictObject(
  {
    name: word("a name of letters, digits, - and _", /^[\w-]{1,32}$/),
    kind: v.picklist(TARGET_KINDS, TARGET_KINDS.join(", ")),
    /** Left out where it is in the secret NOTIFICATION_TARGETS. */
    to: v.optional(v.string(TEXT)),
    events: v.optional(v.pipe(v.array(v.picklist(OPERATOR_KINDS, EVENTS), EVENTS), v.minLength(1, EVENTS))),
    quiet: v.optional(
      v.pipe(
        v.string(QUIET),
        v.check((text) => parseQuiet(text) !== null, QUIET),
      ),
    ),
  },
  'a table such as { name = "ops", kind = "webhook", to = "https://alerts.mypool.com/edgepool" }',
);

const MOST_OPERATOR_TARGETS = 20;

/** `[vars] notifications` as an operator writes it. */
export const notificationSettings = v.strictObject(
  {
    targets: v.optional(
      v.pipe(
        v.array(target, "a list of tables { name, kind, to }"),
        v.maxLength(MOST_OPERATOR_TARGETS, `at most ${MOST_OPERATOR_TARGETS} targets`),
        v.check((list) => new Set(list.map(({ name }) => name)).size === list.length, "targets with different names"),
      ),
      [],
    ),
    miners: flag(false),
    perHour: count(30, 1, 1_000),
    minerPerHour: count(12, 1, 1_000),
    fallenPercent: count(50, 10, 70),
    walletLow: shannon(null),
    email: v.optional(
      v.nullable(
        v.strictObject(
          {
            provider: v.picklist(["resend", "postmark", "generic"], "resend, postmark or generic"),
            from: word("a sender that the provider knows", /^[^\r\n]{3,200}$/),
            url: v.optional(httpUrl),
          },
          'a table such as { provider = "resend", from = "Pool <pool@mypool.com>" }',
        ),
      ),
      null,
    ),
    telegramApi: v.optional(httpUrl),
    templates: v.optional(v.record(v.string(), v.string(TEXT), "a table of texts by event"), {}),
  },
  "a table { targets, miners, email, templates, … } (docs/OPERATING.md, Notifications)",
);
