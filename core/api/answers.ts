import type { SettingsBody, SettingsOutcome } from "../accounts/account-settings.ts";
import type { AccountBody, AccountRewardsBody } from "./account-view.ts";
import type { BlockCredits } from "./block-credits.ts";
import type { BlockEntry, PaymentEntry } from "./entries.ts";
import type { Parsed } from "./json.ts";
import type { WalletView } from "../payouts/payer/payer-view.ts";
import type { AccountPayoutBody, PayoutEntry, PayoutsBody } from "./payouts-view.ts";
import type { JsonRoute, poolRoutes } from "./pool-routes.ts";

export type { AccountHistory } from "./account-history.ts";
export type { Luck } from "./entries.ts";
export type { PoolFacts } from "./pool-facts.ts";
export type { PoolHistory } from "./pool-view.ts";
export type { VerdictCounts } from "../history/definitions.ts";

/** The API's answers as whoever parses them has them. The pool's own page imports its types from here. */
type Answer<Route extends JsonRoute> = Parsed<ReturnType<(typeof poolRoutes)[Route]>>;

/** `/api/overview`. */
export type Overview = Answer<"overview">;
/** `/api/blocks`. */
export type Blocks = Answer<"blocks">;
/** `/api/miners`. */
export type Miners = Answer<"miners">;
/** `/api/payments`. */
export type Payments = Answer<"payments">;
/** `/api/payments/open`. */
export type Payouts = Parsed<PayoutsBody>;
/** A payment that is or was on its way. */
export type Payout = Parsed<PayoutEntry>;
/** `/api/accounts/<login>/payout`. */
export type AccountPayout = Parsed<AccountPayoutBody>;
/** `/admin/payouts/wallet`. */
export type Wallet = Parsed<WalletView>;
/** `/api/accounts/<login>`. */
export type Account = Parsed<AccountBody>;
/** `/api/accounts/<login>/settings`. */
export type AccountSettings = Parsed<SettingsBody>;
/** What a change of them is answered with. */
export type SettingsAnswer = Parsed<SettingsOutcome>;
/** `/api/accounts/<login>/rewards`. */
export type AccountRewards = Parsed<AccountRewardsBody>;
/** `/api/blocks/<height>/<hash>`. */
export type Credits = Parsed<BlockCredits>;
/** A block of `/api/blocks`. */
export type Block = Parsed<BlockEntry>;
/** A payment of `/api/payments` or of an account. */
export type Payment = Parsed<PaymentEntry>;
