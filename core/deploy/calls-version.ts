/**
 * Version of the calls between the pool's scripts (`durable-objects/rpc.ts`): grows when one that is called must understand something that it
 * did not before. Fields that an older one may ignore are no reason.
 */
export const CALLS_VERSION = 1;
