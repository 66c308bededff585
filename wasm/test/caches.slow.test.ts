import { testCaches } from "./cache-vectors.ts";

testCaches(192, Infinity);
