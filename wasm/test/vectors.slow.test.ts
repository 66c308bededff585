import { testHashing } from "./pow-vectors.ts";

testHashing(80, Infinity);
