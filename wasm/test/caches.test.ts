import { testCaches } from "./cache-vectors.ts";

// The larger ones take a second or more each: caches.slow.test.ts.
testCaches(0, 100);
