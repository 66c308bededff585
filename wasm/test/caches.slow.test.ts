import { testCaches } from "./cache-vectors.ts";

testCaches(100, Infinity);
