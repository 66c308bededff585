/** Version of the pool, as package.json and CHANGELOG.md have it (`test/core/version.test.ts` holds the three together). */
export const VERSION = "0.1.0";
