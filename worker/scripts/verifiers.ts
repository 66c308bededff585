/** Proofs of work and the embedded ledger: the light caches are of this script's isolate. */
import { nobody } from "../nobody.ts";

export { EmbeddedRedis } from "../../durable-objects/embedded-redis.ts";
export { ShareVerifier } from "../../durable-objects/share-verifier.ts";

export default nobody;
