/** The group `slow` has the files of `CAMPAIGNS` in vitest.config.ts once more, with everything in them. */
export const IS_WHOLE = process.env["EDGEPOOL_CAMPAIGNS"] === "whole";

/**
 * How often a campaign plays.
 * @param whole in the group `slow`
 * @param short in `npm test`: what is broken outright shows in this
 */
export const campaignRuns = (whole: number, short: number): number => (IS_WHOLE ? whole : short);
