/** A script whose objects are called by the others, and that has no address. */
export const nobody = { fetch: () => new Response("nothing is served here\n", { status: 404 }) };
