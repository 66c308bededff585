/**
 * Version of the calls between the pool's objects (`durable-objects/rpc.ts`): grows when one that is called must understand something that it
 * did not before. Fields that an older one may ignore are no reason.
 */
export const CALLS_VERSION = 1;

/** What to do where scripts do not fit. */
export const BRING_UP = "npm run deploy brings every script up, those that are called first";

/** Behind the name of a part. */
export const OLDER_PART = `is of a version of the pool that does not know this call: ${BRING_UP}`;

/** Why a call is not taken; null where it is. @param version of who calls */
export function callRefusal(version: number): string | null {
  if (version <= CALLS_VERSION) return null;
  return `who calls speaks version ${version} of the pool's calls, and this part knows ${CALLS_VERSION}: ${BRING_UP}`;
}
